"""`keepfit serve`: the champions answer online. What happens is in `deployments/serving`."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(serve)


def serve(
    pipelines: Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.")] = None,
    host: Annotated[str, typer.Option(help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Listen on this port.")] = 8710,
) -> None:
    """Answer requests with the champion of each pipeline, follow promotions within seconds, write every answer down.

    The bearer token is KEEPFIT_SERVING_TOKEN, or stands in the file serving/token of the home folder. A pipeline
    without a champion answers 503 until it has one.
    """
    from config.settings import apply_environment, load_settings

    settings = load_settings().open_home()
    apply_environment(settings)
    from deployments.serving.running import serve as run

    run(settings, pipelines or [], host, port)
