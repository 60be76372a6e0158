"""How it runs: the command line, the local stack, the Prefect deployments."""
