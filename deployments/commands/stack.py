"""`keepfit up`, `down`, `status` and `logs`: the local stack for people. What happens is in `deployments/stack`."""

import os
import signal
from collections import deque
from typing import Annotated

import typer

from tasks.core.errors import NotFound, ServerUnavailable

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Listen on this port instead of a free one.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (up, down, status, logs):
        app.command()(command)


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return as soon as everything is healthy.")] = False,
    port_prefect: Port = None,
    port_mlflow: Port = None,
    port_evidently: Port = None,
    serve: Annotated[bool, typer.Option("--serve", help="Also start `keepfit serve` for all pipelines.")] = False,
    port_serving: Port = None,
) -> None:
    """Start Prefect, MLflow, Evidently and a worker on this machine, and watch over them until Ctrl-C.

    Running already: says where, and leaves with status 0. PREFECT_API_URL, MLFLOW_TRACKING_URI and
    KEEPFIT_EVIDENTLY_URL name servers that you already have; nothing is started in their place.
    """
    from config.settings import load_settings
    from deployments.stack import Stack
    from deployments.stack.view import Console

    if serve:
        os.environ["KEEPFIT_SERVE"] = "true"
    asked = {"prefect": port_prefect, "mlflow": port_mlflow, "evidently": port_evidently, "serving": port_serving}
    stack = Stack(load_settings(), {name: port for name, port in asked.items() if port is not None})
    console = Console(stack)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        info = console.starting(detach)
        console.addresses(info)
        if detach or not info.ours:
            return
        console.follow()
    except KeyboardInterrupt:
        # A second Ctrl-C must not leave half of the stack behind; ending takes seconds.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        console.ended(stack.stop())
        return
    stack.stop()
    raise ServerUnavailable(f"the stack has ended; the reason is in {stack.log_path}")


def down() -> None:
    """End everything that `keepfit up` started for this home, also what a killed one left behind."""
    from config.settings import load_settings
    from deployments.stack import Stack
    from deployments.stack.view import Console

    stack = Stack(load_settings())
    Console(stack).ended(stack.stop())


def status() -> None:
    """Show each part: health, address, process, restarts. Exit status 1 unless all parts are healthy."""
    from config.settings import load_settings
    from deployments.stack import Stack
    from deployments.stack.view import Console

    if not Console(Stack(load_settings())).status():
        raise typer.Exit(1)


def logs(
    part: Annotated[str, typer.Argument(help="stack, prefect, mlflow, evidently, worker or serving")] = "stack",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 50,
) -> None:
    """Show the last lines of a part's log."""
    from config.settings import load_settings

    folder = load_settings().home / "logs"
    known = sorted(path.stem for path in folder.glob("*.log"))
    if part not in known:
        raise NotFound(f"no log {part!r} in {folder}; there {'are ' + ', '.join(known) if known else 'is none yet'}")
    with (folder / f"{part}.log").open(encoding="utf-8", errors="replace") as file:
        typer.echo("".join(deque(file, maxlen=lines)), nl=False)


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
