"""Entry point of the MLflow part: bring the database to the installed version's schema, then serve, in one process.

One migration before any server starts, because servers that start together race in theirs, and a server refuses an
older schema. Arguments are those of `mlflow server`.
"""

import sys


def main(arguments: list[str]) -> None:
    """Migrate the database named by --backend-store-uri and run `mlflow server` with all arguments."""
    from mlflow.cli import cli
    from mlflow.db import upgrade

    uri = arguments[arguments.index("--backend-store-uri") + 1]
    upgrade.main([uri], standalone_mode=False)
    cli.main(["server", *arguments], prog_name="mlflow")


if __name__ == "__main__":
    main(sys.argv[1:])
