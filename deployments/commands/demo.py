"""`keepfit demo` and `keepfit replay`: history through the loop, with a live table of what was decided."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands.options import End, Every, Pipeline, Start, moment_of, period_of
from tasks.core.errors import ConfigInvalid, TerminalError
from tasks.core.results import Window

if TYPE_CHECKING:
    from deployments.replay import Step
    from deployments.stack import StackInfo


_HEAD = ("as of", "rows in", "refused", "truth", "verdict", "decision", "champion", "score", "s")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("demo")(demo)
    app.command("replay")(replay_history)


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="End by itself; exit status 1 when a decision was wrong.")
    ] = False,
) -> None:
    """Start the stack, replay the sample through the deployments, and hold the decisions against the truth."""
    from rich.console import Console

    from config.settings import apply_environment, load_settings
    from deployments.stack import running_stack

    console, settings = Console(soft_wrap=True), load_settings()
    if (settings.home / "store" / "subscriptions").exists():
        raise ConfigInvalid(
            f"{settings.home} holds a sample that was replayed already. Remove it, or set KEEPFIT_HOME to a new folder."
        )
    began = time.monotonic()
    with running_stack(settings) as stack:
        apply_environment(settings)
        console.print(f"The stack is up after {time.monotonic() - began:.0f} s.")
        wrong = _show_demo(console, settings)
        console.print("\n[bold]Where to look[/]")
        places = _places(stack, settings.home)
        width = max(len(address) for _, address, _ in places)
        for name, address, what in places:
            console.print(f"  {name:<10} {address:<{width}} {what}", soft_wrap=True)
        if not leave:
            console.print("\nEverything stays up. Ctrl-C ends it.")
            _until_interrupted()
    if wrong:
        raise TerminalError(f"{wrong} decisions of the demo were wrong; see the table above.")


def _places(stack: "StackInfo", home: Path) -> list[tuple[str, str, str]]:
    from config.board import FILE
    from tasks.adapters.data_docs import index_of
    from tasks.documenting import folder_of

    docs = index_of(folder_of(home, "subscriptions"))
    return [
        ("Prefect", f"{stack.prefect_url}/runs", "every run's page says what was decided; the deployments have a form"),
        ("MLflow", f"{stack.mlflow_url}/#/models/subscriptions", "versions, aliases, and the runs that they came from"),
        ("Evidently", stack.evidently_url, "the history of the checks"),
        ("Data Docs", docs.as_uri(), "what each delivery was held to"),
        ("Board", (home / FILE).as_uri(), "one page for all pipelines; every cycle writes it"),
        ("Worker", f"{stack.prefect_url}/work-pools/work-pool/keepfit", "what runs the deployments"),
    ]


def _show_demo(console: Any, settings: Any) -> int:
    from config.load import load_pipeline
    from deployments import demo as story
    from deployments import register as prefect
    from deployments.render import deployments
    from deployments.replay import replay
    from tasks.core import sample

    prefect.register(deployments([load_pipeline(story.PIPELINE, settings)]))
    truths = {truth.period: truth.state for truth in sample.truth()}
    began = time.monotonic()
    steps = _live(console, replay(story.PIPELINE, story.moments(), settings),
                  lambda step: str(truths[story.period_of(step.as_of)]))  # fmt: skip
    console.print(f"The replay took {time.monotonic() - began:.0f} s.\n")
    checks = [*story.hold_against_truth(steps), story.beats_old_champion(settings)]
    for check in checks:
        console.print(f"{'[green]right[/]' if check.passed else '[red]wrong[/]'}  {check.name}: {check.reason}")
    return sum(not check.passed for check in checks)


def replay_history(
    pipeline: Pipeline,
    every: Every = "30d",
    start: Start = None,
    end: End = None,
    here: Annotated[
        bool, typer.Option("--here", help="Run the cycles in this process instead of on the worker.")
    ] = False,
) -> None:
    """Replay a pipeline's own history through its deployments, period by period, each deciding as of its end."""
    from rich.console import Console

    from config.settings import apply_environment, load_settings
    from deployments.replay import replay

    console, settings = Console(soft_wrap=True), load_settings()
    settings.prefect_api_url()
    apply_environment(settings)
    moments = _moments(pipeline, every, start, end, settings)
    _live(console, replay(pipeline, moments, settings, here), lambda _: "")


def _moments(pipeline: str, every: str, start: str | None, end: str | None, settings: Any) -> list[datetime]:
    from deployments.history import span_of
    from tasks.core.simulation import moments_between

    first, last = moment_of(start, "--from"), moment_of(end, "--to")
    given = (first, last) if first and last else span_of(pipeline, settings)
    return moments_between(Window(*given), period_of(every), first, last)


def _live(console: Any, steps: Any, truth: "Callable[[Step], str]") -> "list[Step]":
    from rich.live import Live
    from rich.table import Table

    table = Table(*_HEAD)
    done = []
    if not console.is_terminal:  # a log file: one line per period, as it ends
        console.print(" | ".join(_HEAD), soft_wrap=True)
        for step in steps:
            done.append(step)
            console.print(" | ".join(_cells(step, truth(step))), soft_wrap=True)
        return done
    with Live(table, console=console, refresh_per_second=2) as live:
        for step in steps:
            done.append(step)
            table.add_row(*_cells(step, truth(step)))
            live.refresh()
    return done


def _cells(step: "Step", truth: str) -> list[str]:
    from tasks.core.observations import FIRST

    accepted, refused = step.rows
    seen = [entry.decision for entry in step.of("monitoring")]
    refusals = [entry.decision for entry in step.of("ingestion") if entry.decision.outcome == "quarantined"]
    judged = [entry.decision for entry in step.of("promotion")]
    unjudged = [
        entry.decision for entry in step.of("training") if entry.decision.outcome not in {"promoted", "refused"}
    ]
    decided = [f"{d.evidence['name']} refused" for d in refusals] + [d.outcome for d in seen]
    decided += [f"retraining {d.outcome}" for d in unjudged]
    decided += [f"version {d.evidence['version']} {d.outcome}" for d in judged]
    score = "" if step.score is None else f"{step.score:.3f}"
    # What asks for the first training is no breach.
    verdicts = [FIRST.signal if d.evidence.get("signal") == FIRST.signal else d.verdict for d in seen]
    return [f"{step.as_of:%Y-%m-%d}", str(accepted), str(refused), truth, ", ".join(map(str, verdicts)),
            ", ".join(decided), str(step.champion or "-"), score, f"{step.seconds:.0f}"]  # fmt: skip


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
