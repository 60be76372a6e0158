"""`keepfit erase`: a person leaves the store, and the proof of it can be asked for again."""

from typing import Annotated

import typer

from deployments.commands.options import Pipeline


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("erase")(erase)


def erase(
    pipeline: Pipeline,
    subject: Annotated[str, typer.Argument(help="Who: the value of the id, or of the column privacy.subject.")],
    verify: Annotated[bool, typer.Option("--verify", help="Only look again whether a trace is left.")] = False,
) -> None:
    """Remove a person's rows from tables and kept deliveries, prove it, and retrain the models that had seen them."""
    from deployments.commands.runs import connect

    connect(pipeline)
    from config.opening import open_pipeline
    from config.settings import load_settings
    from tasks import erasure
    from tasks.adapters import erasure_requests
    from tasks.core.privacy.erasure import digest_of

    config, session = open_pipeline(pipeline, None, "erase")
    named = config.privacy.subject
    traces = erasure.traces_of(session, subject, config.columns, named, config.labels, config.suite.joins)
    digest = digest_of(subject, session.keys)
    if not verify:
        from flows.erasure import erasure_flow

        erasure_requests.request(session.store, digest, subject)
        typer.echo(erasure_flow(pipeline, digest))
    typer.echo(erasure.proof(session, subject, traces, load_settings().home))
