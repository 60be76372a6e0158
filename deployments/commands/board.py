"""`keepfit board`: one page of all pipelines, for a browser or a phone; no server is needed to look at it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deployments.commands.options import moment_of, writable
from tasks.core.errors import TerminalError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("board")(board)


def board(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", callback=writable, help="A file; board.html in KEEPFIT_HOME else.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Ages count back from here (ISO 8601); now else.")
    ] = None,
) -> None:
    """Write the board: champions, their curves with decisions marked, freshness, open incidents, budgets."""
    from config.board import write_board
    from config.settings import load_settings

    settings = load_settings().open_home()
    moment = moment_of(as_of, "--as-of") or datetime.now(UTC)
    path, unread = write_board(settings, moment, output)
    typer.echo(f"wrote {path}")
    if unread:
        raise TerminalError("The board tells nothing of what could not be read: " + "; ".join(unread))
