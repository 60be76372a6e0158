"""`keepfit audit`: do the rows that were accepted keep the rules that stand now?"""

import typer

from deployments.commands.options import Pipeline
from tasks.core.errors import TerminalError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("audit")(audit)


def audit(pipeline: Pipeline) -> None:
    """Hold all accepted rows against the rules for rows as they stand now; exit status 1 unless all hold.

    Nothing is moved: what to do about rows that break a new rule is a person's decision.
    """
    from rich.console import Console
    from rich.table import Table

    from config.opening import open_pipeline
    from tasks.auditing import audit_events

    config, session = open_pipeline(pipeline, None, "audit")
    console = Console()
    with console.status(f"asking the rules of all rows of {pipeline}, by {config.validation.engine.kind} ..."):
        checks = audit_events(session, config.columns, config.suite)
    table = Table("rule", "verdict", "rows that break it", title=pipeline)
    for check in checks:
        rows = check.numbers.get("unexpected")
        table.add_row(check.name, str(check.verdict), check.reason if rows is None else f"{rows:,}")
    console.print(table)
    if broken := [check for check in checks if not check.passed]:
        raise TerminalError(
            f"{len(broken)} of {len(checks)} rules do not hold of the accepted rows, or could not be asked. Nothing "
            "was moved; corrected deliveries take the place of such rows (validation.corrections)."
        )
