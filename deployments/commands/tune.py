"""`keepfit tune`: thresholds that would have served a pipeline's own history better, and what they would have cost."""

from typing import Any

import typer

from deployments.commands.options import CheckEvery, End, Every, Pipeline, Start, moment_of, period_of


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("tune")(tune)


def tune(
    pipeline: Pipeline,
    every: Every = "30d",
    start: Start = None,
    end: End = None,
    check_every: CheckEvery = None,
) -> None:
    """Try thresholds on what was ingested, and propose those that served best; the pipeline's file stays as it is.

    At most 27 combinations are played: performance.max_loss (half, as it is, double), performance.confidence (as it
    is, 0.8, 0.95) and governor.cooldown (half, as it is, double). The first half of the periods chooses: the best mean
    score, and of those within 1 % of it the fewest retrainings. The second half judges: the same champion goes on
    with the present and with the proposed thresholds. Fits are shared, and kept: interrupted, it goes on where it was.
    """
    from rich.console import Console

    from deployments.commands.runs import connect

    length, first, last = period_of(every), moment_of(start, "--from"), moment_of(end, "--to")
    between = None if check_every is None else period_of(check_every, "--check-every")
    connect(pipeline)
    from flows.tuning import tuning_flow

    tuned, snippet, links = tuning_flow(pipeline, length, first, last, between)
    console = Console(soft_wrap=True)
    show(console, tuned, snippet)
    for name, address in links.items():
        console.print(f"{name}: {address}")


def show(console: Any, tuned: Any, snippet: str) -> None:
    """Print what chose, what came of it, the sentence, and the YAML to take it over."""
    from rich.table import Table

    from tasks.core.tuning import TUNING_HEAD, tuning_rows

    day = f"{tuned.cut:%Y-%m-%d}"
    for lines, title in ((tuned.early, f"before {day}: what chose"), (tuned.late, f"from {day} on: what came of it")):
        table = Table(*TUNING_HEAD, title=title)
        for row in tuning_rows(lines):
            table.add_row(*row)
        console.print(table)
    console.print(tuned.verdict, highlight=False)
    if snippet:
        console.print("\nTo take it over, put this into the pipeline's file in place of these sections:\n")
        console.print(snippet, markup=False, highlight=False)
