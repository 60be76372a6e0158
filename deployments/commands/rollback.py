"""`keepfit rollback`: a champion is taken back by hand, at once, whichever server is down."""

import getpass
import os
import warnings
from typing import Annotated

import typer

from deployments.commands.options import Pipeline

# A person waits: each server is asked once and not for long, and what did not answer follows later.
_IN_A_HURRY = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
    "PREFECT_CLIENT_MAX_RETRIES": "0",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("rollback")(rollback)


def rollback(
    pipeline: Pipeline,
    to: Annotated[int | None, typer.Option(help="The version to go back to; the previous champion without it.")] = None,
    why: Annotated[str, typer.Option("--why", help="For the journal.")] = "no reason given",
    ban: Annotated[bool, typer.Option("--ban", help="The version that steps down is never promoted again.")] = False,
) -> None:
    """Make the previous champion champion again; written into the journal with who and why. Needs no server."""
    from config.load import load_pipeline
    from config.settings import apply_environment, load_settings

    settings = load_settings()
    load_pipeline(pipeline, settings)
    os.environ.update(_IN_A_HURRY)
    warnings.filterwarnings("ignore", "Artifact creation outside of a flow")  # the page is meant to be, without a run
    apply_environment(settings)
    from tasks.adapters import orchestrator

    if not orchestrator.answers():  # else whoever tells of it by Prefect would wait for it
        os.environ.pop("PREFECT_API_URL", None)
    from flows.rollback import go_back
    from flows.running import begin_by_hand

    typer.echo(go_back(begin_by_hand(pipeline), to, getpass.getuser(), why, ban=ban))
