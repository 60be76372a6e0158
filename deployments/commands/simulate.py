"""`keepfit simulate`: what other policies would have made of a pipeline's own history, and at what cost."""

from typing import Annotated, Any

import typer

from deployments.commands.options import CheckEvery, End, Every, Pipeline, Start, moment_of, period_of
from tasks.core.errors import ConfigInvalid


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("simulate")(simulate)


def simulate(
    pipeline: Pipeline,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="never, every_window, drifted_share, performance_threshold or keepfit; several times; all."),
    ] = None,
    every: Every = "30d",
    start: Start = None,
    end: End = None,
    check_every: CheckEvery = None,
) -> None:
    """Replay what was ingested under policies, each seeing only what was known at the time; nothing is promoted.

    A training is a refit: every candidate family with the middle of its parameters and every split.history, chosen by
    backtests, without the search of a real training (with strategy same_recipe: the champion's recipe alone). Gates
    that judge a registered file (clean_process, resources) and estimates without labels are left out. All policies
    decide at the beginning of each period; with --check-every keepfit decides within them, too, as its cycle would.
    Interrupted, the same command goes on where it was.
    """
    from rich.console import Console

    from deployments.commands.runs import connect

    chosen = policies_of(policy)
    length, first, last = period_of(every), moment_of(start, "--from"), moment_of(end, "--to")
    between = None if check_every is None else period_of(check_every, "--check-every")
    connect(pipeline)
    from flows.simulation import simulation_flow

    runs, table, links = simulation_flow(pipeline, chosen, length, first, last, between)
    console = Console(soft_wrap=True)
    show(console, runs, table)
    for name, address in links.items():
        console.print(f"{name}: {address}")


def show(console: Any, runs: Any, lines: Any) -> None:
    """Print the policies' scores by period (a star: a new model serves; x: trained and refused), then the table."""
    from rich.table import Table

    from tasks.core.dossiers import SIMULATION_HEAD, how_often, simulation_rows

    scores = Table("from", *(run.policy for run in runs), title="score by period; * a new model, x refused, ! no fit")
    for place, period in enumerate(runs[0].periods):
        scores.add_row(f"{period.as_of:%Y-%m-%d}", *(_cell(run.periods[place]) for run in runs))
    console.print(scores)
    table = Table(*SIMULATION_HEAD, title="policies compared")
    for row in simulation_rows(lines):
        table.add_row(*row)
    console.print(table)
    console.print(how_often(runs), highlight=False)


def _cell(period: Any) -> str:
    mark = "*" if period.replaced else "" if not period.asked else "x" if period.trained else "!"
    return f"{'-' if period.score is None else f'{period.score:.4g}'} {mark}".rstrip()


def policies_of(kinds: list[str] | None) -> Any:
    """The policies of these kinds with their defaults; raises ConfigInvalid with what is allowed."""
    from tasks.core.policies import POLICIES, Policy

    known: dict[str, Policy] = {policy.kind: policy for policy in POLICIES}
    unknown = [kind for kind in kinds or () if kind not in known]
    if unknown:
        raise ConfigInvalid(f"There is no policy {unknown[0]!r}. Choose among: {', '.join(known)}.")
    return tuple(known[kind] for kind in dict.fromkeys(kinds or known))
