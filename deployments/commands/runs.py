"""`keepfit run`, `verify`, `decisions` and `explain`: what a person starts and reads."""

from datetime import datetime
from typing import Annotated, Any

import typer

from deployments.commands.options import Pipeline
from tasks.core.addresses import without_credentials
from tasks.core.errors import ArtefactMismatch, ConfigInvalid, ServerUnavailable, TerminalError

FLOWS = ("ingestion", "training", "promotion", "scoring", "monitoring", "cycle", "reconciliation")
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Decide as of this moment (ISO 8601 with a zone); now without it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("run")(run)
    app.command("verify")(verify)
    app.command("decisions")(decisions)
    app.command("explain")(explain)


def run(
    flow: Annotated[str, typer.Argument(help=f"Which flow: {', '.join(FLOWS)}.")],
    pipeline: Pipeline,
    as_of: AsOf = None,
    version: Annotated[int | None, typer.Option(help="For promotion: the version to judge.")] = None,
    reason: Annotated[str | None, typer.Option(help="For training: why it runs.")] = None,
) -> None:
    """Run one flow here and now, in this process; Prefect records it like any other run."""
    import importlib

    if flow not in FLOWS:
        raise ConfigInvalid(f"There is no flow {flow!r}. Known: {', '.join(FLOWS)}.")
    parameters: dict[str, Any] = {"pipeline": pipeline}
    if flow != "reconciliation":
        parameters["as_of"] = moment(as_of)
    if flow == "promotion":
        if version is None:
            raise ConfigInvalid("Which version is to be judged? Give its number: --version 3.")
        parameters["version"] = version
    if flow == "training" and reason:
        parameters["reason"] = reason
    connect(pipeline)
    found = getattr(importlib.import_module(f"flows.{flow}"), f"{flow}_flow")
    typer.echo(_told(found(**parameters)))


def verify(pipeline: Annotated[str | None, typer.Argument(help="Which; all if none is named.")] = None) -> None:
    """Check the design's invariants and name what is broken; exit status 1 unless all hold."""
    from rich.console import Console
    from rich.table import Table

    from config.load import load_all
    from config.settings import load_settings

    names = [pipeline] if pipeline else list(load_all(load_settings()))
    connect(*names)
    from config.opening import open_pipeline
    from tasks.core.results import Check, Verdict, overall
    from tasks.verification import verify_invariants

    console = Console()
    answers: list[Check] = []
    for name in names:
        _, session = open_pipeline(name, None, "verify")
        checks = verify_invariants.fn(session)
        table = Table("invariant", "verdict", title=name)
        table.add_column("what", overflow="fold")  # the path of a table is not cut off
        for check in checks:
            table.add_row(check.name, str(check.verdict), check.reason)
        console.print(table)
        answers += checks
    if overall(answers) is not Verdict.PASS:
        raise TerminalError(
            f"{sum(not check.passed for check in answers)} invariants do not hold or could not be read."
        )


def decisions(
    pipeline: Pipeline, last: Annotated[int, typer.Option(help="How many, newest last.", min=1)] = 20
) -> None:
    """Show the journal: what was decided, when, and why."""
    from rich.console import Console
    from rich.table import Table

    from config.opening import open_pipeline

    _, session = open_pipeline(pipeline, None, "reading")
    table = Table("#", "as of", "stage", "outcome")
    table.add_column("why", overflow="fold")
    for entry in session.journal.entries()[-last:]:
        decision = entry.decision
        row = (
            str(entry.sequence),
            f"{decision.as_of:%Y-%m-%d %H:%M}",
            decision.kind,
            decision.outcome,
            decision.reason,
        )
        table.add_row(*row)
    Console().print(table)


def explain(
    pipeline: Pipeline,
    decision: Annotated[str, typer.Argument(metavar="ID", help="Its number, its key, or the beginning of one.")],
) -> None:
    """Tell one decision in one page: signal, evidence, gates, outcome, cost, and what it came from and led to."""
    from rich.console import Console
    from rich.markdown import Markdown

    from config.opening import open_pipeline
    from tasks.core import explanation
    from tasks.core.journal import changed

    _, session = open_pipeline(pipeline, None, "reading")
    entries = session.journal.entries()
    entry = explanation.find_entry(entries, decision)
    try:
        page = explanation.explanation_page(entries, entry)
    except (AttributeError, LookupError, TypeError, ValueError):
        if not (told := changed(entries)):
            raise
        raise ArtefactMismatch(f"{told[0]} So there is no page about it. Run `keepfit verify {pipeline}`.") from None
    Console().print(Markdown(page))


def moment(text: str | None) -> datetime | None:
    """Read a moment from the command line; raises ConfigInvalid when it is none or has no zone."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigInvalid(f"--as-of {text!r} is not a moment. Write it like 2025-03-01T00:00+00:00.") from None
    if found.tzinfo is None:
        raise ConfigInvalid(f"--as-of {text} has no time zone. Write {found.isoformat()}+00:00 for UTC.")
    return found


def connect(*pipelines: str) -> None:
    """Check the pipelines' files and that the servers answer, then put the environment in place."""
    # The pipeline's file is checked before a server is asked for: the first error is the one that a person can mend.
    from config.load import load_pipeline
    from config.settings import apply_environment, load_settings

    settings = load_settings()
    for name in pipelines:
        load_pipeline(name, settings)
    _require("Prefect", f"{settings.prefect_api_url()}/health")
    if settings.mlflow_tracking_uri().startswith("http"):
        _require("MLflow", f"{settings.mlflow_tracking_uri()}/health")
    apply_environment(settings)


def _require(server: str, address: str) -> None:
    import httpx

    try:
        httpx.get(address, timeout=10, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise ServerUnavailable(
            f"{server} does not answer at {without_credentials(address)} ({type(error).__name__}). "
            "Start it (`keepfit up`), or correct its address; nothing was started."
        ) from error


def _told(result: object) -> str:
    if isinstance(result, dict):
        return "\n".join(f"{key}: {value}" for key, value in result.items()) or "nothing to do"
    if isinstance(result, list):
        return "\n".join(map(str, result)) or "nothing to do"
    return ": ".join(map(str, result)) if isinstance(result, tuple) else str(result)
