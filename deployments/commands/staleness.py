"""`keepfit staleness`: how every former champion would score by now, and what each retraining brought."""

from typing import Any

import typer

from deployments.commands.options import Pipeline
from deployments.commands.runs import AsOf, connect, moment


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("staleness")(staleness)


def staleness(pipeline: Pipeline, as_of: AsOf = None) -> None:
    """Let former champions score the labelled rows since their promotion, in silence; nothing is decided or stored.

    Windows are as long as performance.window; the duels follow the gate beats_champion (margin, confidence, min_rows).
    Only models whose file is the one that was promoted, by SHA-256, are asked; the others are named. The plot, the
    page and the tables as CSV are files of an MLflow run.
    """
    from rich.console import Console

    then = moment(as_of)
    connect(pipeline)
    from flows.staleness import staleness_flow

    found, links = staleness_flow(pipeline, then)
    console = Console(soft_wrap=True)
    show(console, found)
    for name, address in links.items():
        console.print(f"{name}: {address}")


def show(console: Any, found: Any) -> None:
    """Print the curve by window and by age, what each retraining brought and why, and who could not be measured."""
    from rich.table import Table

    from tasks.core.staleness import page

    def told(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        table = Table(*head, title=title)
        for row in rows:
            table.add_row(*row)
        if rows:
            console.print(table)

    metric = found.rules.metric
    told(f"{metric} by window (age); * served", page.curve_head(found.cells), page.curve_rows(found.cells))
    told(f"{metric} by age, in windows", page.AGES_HEAD, page.ages_rows(found.cells))
    told("what each retraining brought", page.GAINS_HEAD, page.gains_rows(found.gains))
    if found.gains:
        console.print(page.multiplicity(found), markup=False, highlight=False)
    for gain in found.gains:
        name = f"{gain.retraining.predecessor} to {gain.retraining.successor}"
        console.print(f"{name}: {gain.reason}", markup=False, highlight=False)
    for version, why in found.missing.items():
        console.print(f"not measured: version {version}: {why}", markup=False, highlight=False)
    console.print(page.lead_of(found), markup=False, highlight=False)
