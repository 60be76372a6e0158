"""Options that several commands have, and how lengths and moments are read as people write them."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from tasks.core.errors import ConfigInvalid


def writable(path: Path | None) -> Path | None:
    """A file that a command is to write, looked at before anything is done. Raises ConfigInvalid where it cannot be."""
    held = path and (path if path.exists() else path.absolute().parent)
    if path and held and (path.is_dir() or not held.exists() or not os.access(held, os.W_OK)):
        raise ConfigInvalid(f"--output {path} cannot be written; name a file in a folder that you may write to.")
    return path


Output = Annotated[Path | None, typer.Option("--output", "-o", callback=writable, help="A file; else the console.")]
Pipeline = Annotated[str, typer.Argument(help="Name of the pipeline.")]
Every = Annotated[str, typer.Option("--every", help="Length of a period, for example 30d.")]
Start = Annotated[
    str | None, typer.Option("--from", help="First moment (ISO 8601); a third into the history without it.")
]
End = Annotated[str | None, typer.Option("--to", help="Last moment (ISO 8601); the end of the history without it.")]


CheckEvery = Annotated[
    str | None,
    typer.Option(
        "--check-every",
        help="How often keepfit decides in a period, for example 1d for a daily cycle; at its beginning without it.",
    ),
]


def period_of(text: str, option: str = "--every") -> timedelta:
    """A length above zero from the command line."""
    from tasks.core.durations import parse_duration

    try:
        length: timedelta = parse_duration(text)
    except ValueError as error:
        raise ConfigInvalid(f"{option} {text!r}: {error}") from None
    if length <= timedelta(0):
        raise ConfigInvalid(f"{option} {text!r}: a period lasts longer than nothing, for example 30d.")
    return length


def moment_of(text: str | None, option: str) -> datetime | None:
    """A moment from the command line; UTC where it names no zone."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigInvalid(
            f"{option} {text!r} is not a moment. Write it like 2025-03-01 or 2025-03-01T00:00+00:00."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
