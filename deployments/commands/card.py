"""`keepfit card`: a version's model card with its ML Test Score, computed from what is on record now."""

from typing import Annotated

import typer

from deployments.commands.options import Output, Pipeline
from deployments.commands.runs import connect
from tasks.core.errors import NoChampion


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("card")(card)


def card(
    pipeline: Pipeline,
    version: Annotated[int | None, typer.Option(help="Which version; the champion without it.")] = None,
    output: Output = None,
) -> None:
    """Tell what a version is for, what it rests on, how it was judged, and its ML Test Score (28 tests)."""
    from rich.console import Console
    from rich.markdown import Markdown

    connect(pipeline)
    from config.opening import open_pipeline
    from config.setup import setup_of
    from tasks.adapters import registry
    from tasks.carding import known_of
    from tasks.core.model_card import model_card

    config, session = open_pipeline(pipeline, None, "reading")
    found = registry.champion_of(pipeline) if version is None else registry.version_of(pipeline, version)
    if found is None:
        raise NoChampion(f"{pipeline} has no champion yet. Name a version: --version 1.")
    text = model_card(known_of(session, found, setup_of(config)))
    if output is None:
        Console().print(Markdown(text))
    else:
        output.write_text(text + "\n", encoding="utf-8")
        typer.echo(f"wrote {output}")
