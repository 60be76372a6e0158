"""`keepfit timeline`, `lineage` and `reproduce`: what served when, where it came from, and the proof of a version."""

from typing import Annotated

import typer

from deployments.commands.options import Pipeline, moment_of
from deployments.commands.runs import connect
from tasks.core.errors import TerminalError

At = Annotated[str | None, typer.Option("--at", help="Only what served at this moment (ISO 8601; UTC without a zone).")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("timeline")(timeline)
    app.command("lineage")(lineage)
    app.command("reproduce")(reproduce)


def timeline(
    pipeline: Pipeline,
    at: At = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="By the moments that a replay stood at.")] = False,
) -> None:
    """Show what served since when, who decided it, and why; from the journal alone, so without any server."""
    from rich.console import Console
    from rich.table import Table

    from config.opening import open_pipeline
    from tasks.core.timeline import serving_at, terms_of

    _, session = open_pipeline(pipeline, None, "reading")
    terms, moment = terms_of(session.journal.entries(), replayed=replayed), moment_of(at, "--at")
    if moment is not None:
        found = serving_at(terms, moment)
        terms = [] if found is None else [found]
    table = Table("version", "since (UTC)", "until", "who", "#")
    table.add_column("why", overflow="fold")
    for term in terms:
        until = f"{term.until:%Y-%m-%d %H:%M:%S}" if term.until else "now"
        why = term.why + (f" (since banned: {term.banned})" if term.banned else "")
        table.add_row(str(term.version), f"{term.since:%Y-%m-%d %H:%M:%S}", until, term.who, str(term.entry), why)
    when = f" at {moment:%Y-%m-%d %H:%M} UTC" if moment else ""
    Console().print(table if terms else f"No version of {pipeline} served{when}.")


def lineage(
    pipeline: Pipeline,
    row: Annotated[str, typer.Argument(help="The value of the row's id, or its _row_id as in the predictions.")],
) -> None:
    """Follow a row to its raw file, and each of its predictions to version, run, snapshot and deliveries."""
    from rich.console import Console
    from rich.table import Table

    from config.opening import open_pipeline
    from config.settings import apply_environment, load_settings

    apply_environment(load_settings())
    config, session = open_pipeline(pipeline, None, "reading")
    from tasks.lineage import lineage_of, row_named

    table = Table("step")
    table.add_column("record", overflow="fold")
    for name, told in lineage_of(session, row_named(session, config.columns, row)):
        table.add_row(name, told)
    Console().print(table)


def reproduce(pipeline: Pipeline, version: Annotated[int, typer.Argument(help="The version's number.")]) -> None:
    """Train a version again from its records, in a fresh folder, and compare; exit status 1 unless it is equal."""
    connect(pipeline)
    from config.opening import open_pipeline
    from tasks.reproduction import record_reproduction, reproduce_version

    _, session = open_pipeline(pipeline, None, "reproduction")
    check = reproduce_version.fn(session, version)
    record_reproduction.fn(session, version, check)
    if not check.passed:
        raise TerminalError(f"Version {version} of {pipeline} is not proved equal ({check.verdict}). {check.reason}")
    typer.echo(f"Version {version} of {pipeline} is reproduced: {check.reason}.")
