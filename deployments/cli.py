"""The program `keepfit`: puts the commands together and turns errors into one line and an exit status.

Commands live in `deployments/commands/`, one module per subject. Nothing heavy is imported here.
"""

import importlib
import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tasks.adapters.processes import collect_garbage_rarely
from tasks.core.errors import KeepfitError

_COMMANDS = (
    "stack", "pipelines", "runs", "audit", "rollback", "people", "proof", "release", "card", "board", "deploy", "demo",
    "simulate", "tune", "staleness", "serve", "alerts", "heartbeat", "erase",
)  # fmt: skip
_INTERRUPTED = 130
# Typer brings its own copy of click or uses the installed one, depending on its version; this is the one it raises.
_WrongUsage: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def build_app() -> typer.Typer:
    """The command line with all its commands."""
    app = typer.Typer(
        name="keepfit",
        help="Keeps scikit-learn models fit: ingest, check, train, promote on evidence, score, watch, retrain.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for name in _COMMANDS:
        importlib.import_module(f"deployments.commands.{name}").register(app)
    return app


def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.", is_eager=True)] = False,
) -> None:
    """Keeps scikit-learn models fit."""
    if version:
        typer.echo(f"keepfit {_version()}")
        raise typer.Exit


def _version() -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version("keepfit")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 a Keepfit error, 2 wrong usage, 130 interrupted."""
    os.umask(0o077)
    collect_garbage_rarely()
    sys.exit(_run())


def _run() -> int:
    try:
        status = build_app()(standalone_mode=False)
    except KeepfitError as error:
        return _say(f"error: {error}", 1)
    except _WrongUsage as error:
        error.show()
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", _INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last resort: a person gets a sentence, the file gets the traceback
        return _say(f"error: {_explain(error)}", 1)
    # Typer turns Ctrl-C into this status by itself.
    return _say("interrupted", _INTERRUPTED) if status == _INTERRUPTED else status if isinstance(status, int) else 0


def _explain(error: Exception) -> str:
    kind = type(error).__name__
    if _is_connection(error):
        return f"a server stopped answering ({kind}). See `keepfit status`, then run it again; nothing is lost."
    return f"unexpected {kind}; this is a fault in Keepfit. Details: {_record()}"


def _is_connection(error: BaseException) -> bool:
    """Whether a client of a server gave up: Prefect hands such errors through as its HTTP library raised them."""
    return type(error).__module__.partition(".")[0] in {"httpx", "httpcore"}


def _say(message: str, status: int) -> int:
    typer.echo(message, err=True)
    return status


def _record() -> Path:
    from config.settings import load_settings

    try:
        folder = load_settings().open_home().home / "logs"
        folder.mkdir(mode=0o700, exist_ok=True)
    except (KeepfitError, OSError):
        folder = Path(tempfile.mkdtemp(prefix="keepfit-"))
    path = folder / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    path.write_text(traceback.format_exc(), "utf-8")
    return path


if __name__ == "__main__":
    main()
