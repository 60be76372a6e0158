"""`keepfit alerts`: what is open, and whether the messages arrive."""

from typing import Annotated, Any

import typer

from deployments.commands.options import Pipeline
from tasks.core.errors import ConfigInvalid, KeepfitError, ServerUnavailable


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("alerts")(alerts)


def alerts(
    pipeline: Pipeline,
    test: Annotated[bool, typer.Option("--test", help="Send every notifier of the pipeline a test message.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
) -> None:
    """List the open incidents of a pipeline: since when, why, what to do next; no server is needed."""
    from config.opening import open_pipeline
    from config.settings import apply_environment, load_settings

    settings = load_settings()
    apply_environment(settings)  # before Prefect is imported: an event must not make it start a server of its own
    config, session = open_pipeline(pipeline, None, "reading", settings)
    if test:
        _try(config, session)
        return
    from tasks.core.incidents import open_incidents
    from tasks.telling import known_incidents

    found = known_incidents(session)
    _show(pipeline, found if every else open_incidents(found), every)
    session.journal.entries()  # a list that lacks what could not be read is an error


def _try(config: Any, session: Any) -> None:
    from tasks.core.alerting import trial

    if not config.alerts.notify:
        raise ConfigInvalid(
            f"{config.pipeline} names nobody who is told. Add to its file, for example:\n"
            "alerts:\n  notify: [{kind: webhook, url: $KEEPFIT_ALERT_WEBHOOK}]"
        )
    failed = []
    for notifier in config.alerts.notify:
        try:
            notifier.send(trial(config.pipeline, session.now))
            typer.echo(f"{notifier.kind}: sent")
        except KeepfitError as error:
            failed.append(f"{notifier.kind}: {error}")
    if failed:
        raise ServerUnavailable("\n".join(failed))


def _show(pipeline: str, found: Any, every: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not found:
        console.print(f"{pipeline}: {'there never was an incident' if every else 'no incident is open'}.")
        return
    table = Table("#", "since (UTC)", "kind", "times", *(["over"] if every else []))
    table.add_column("why", overflow="fold")
    table.add_column("next", overflow="fold")
    for one in found:
        over = [f"{one.resolved:%Y-%m-%d %H:%M}" if one.resolved else ""] if every else []
        table.add_row(one.episode, f"{one.opened:%Y-%m-%d %H:%M}", f"{one.kind} {one.subject}".strip(), str(one.times),
                      *over, one.reason, one.action)  # fmt: skip
    console.print(table)
