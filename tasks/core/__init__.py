"""Pure decisions: no Prefect, vendor, network, clock, environment or logging. `now` and `seed` come in as arguments."""
