"""`keepfit release`: rows of the quarantine are judged again by the present rules, with who and why in the journal."""

import getpass
from typing import Annotated

import typer

from deployments.commands.options import Pipeline
from deployments.commands.runs import connect


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("release")(release)


def release(
    pipeline: Pipeline,
    what: Annotated[str, typer.Argument(metavar="BATCH|RULE", help="A delivery's name or id, or a rule's name.")],
    why: Annotated[str, typer.Option("--why", help="For the journal.")],
    who: Annotated[str | None, typer.Option("--who", help="For the journal; you, without it.")] = None,
) -> None:
    """Judge quarantined rows again after a fix; those that break no rule any more are in, each once."""
    connect(pipeline)
    from flows.release import release_flow

    for line in release_flow(pipeline, what, who or getpass.getuser(), why):
        typer.echo(line)
