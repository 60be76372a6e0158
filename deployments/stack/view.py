"""How a stack looks on the terminal: the live table while it starts, the addresses, what the supervisor says."""

import time

import rich.console
from rich.live import Live
from rich.table import Table

from deployments.stack.control import Stack, StackInfo
from deployments.stack.parts import POOL
from deployments.stack.state import StackState

_STYLES = {"healthy": "green", "starting": "yellow", "restarting": "yellow", "silent": "red", "stopped": "dim"}
_SEEN_THERE = {
    "Prefect": "deployments, runs, schedules; each run's page tells what was decided",
    "MLflow": "experiments, nested runs, models and their aliases",
    "Evidently": "history of the drift and quality checks",
}


class Console:
    """Shows one stack to a person."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.out = rich.console.Console(highlight=False, soft_wrap=True)

    def starting(self, detach: bool) -> StackInfo:
        """Start the stack, showing the health of each part as it comes up."""
        self._position = self._log_size()
        with Live(console=self.out, refresh_per_second=8, transient=True) as live:
            return self.stack.start(detach, lambda state: live.update(_table(state)))

    def addresses(self, info: StackInfo) -> None:
        """Say where everything is and how to go on."""
        state = self.stack.state()
        said = f"up after {info.seconds:.1f} s" if info.ours else "already running, nothing was started"
        self.out.print(f"[bold]Keepfit is {said}[/] (home: {self.stack.home})")
        for name, url in (
            ("Prefect", info.prefect_url),
            ("MLflow", info.mlflow_url),
            ("Evidently", info.evidently_url),
        ):
            note = " (yours, from the environment)" if name.lower() in state.elsewhere else ""
            self.out.print(f"  {name:<10}{url:<34}{_SEEN_THERE[name]}{note}")
        self.out.print(f"  {'Worker':<10}{state.parts['worker'].address}")
        keys = "Ctrl-C or `keepfit down` ends everything" if info.ours else "`keepfit down` ends everything"
        self.out.print(f"Logs: {self.stack.log_path.parent}. {keys}.")

    def follow(self) -> None:
        """Repeat what the supervisor says until it ends."""
        self._position = self._log_size()
        while self.stack.state().phase in ("starting", "ready"):
            self._repeat()
            time.sleep(0.5)
        self._repeat()

    def ended(self, count: int) -> None:
        """Say what `Stack.stop` ended."""
        self.out.print(
            f"Keepfit is down; nothing is left running ({count} ended)." if count else "Nothing was running."
        )

    def status(self) -> bool:
        """Show the table; returns whether everything is healthy."""
        state = self.stack.state()
        if state.phase == "stopped":
            self.out.print(f"No stack runs in {self.stack.home}; start it with `keepfit up`.")
            return False
        self.out.print(_table(state))
        return state.phase == "ready" and all(part.health == "healthy" for part in state.parts.values())

    def _log_size(self) -> int:
        return self.stack.log_path.stat().st_size if self.stack.log_path.exists() else 0

    def _repeat(self) -> None:
        with self.stack.log_path.open("rb") as file:
            file.seek(self._position)
            fresh = file.read()
        self._position += len(fresh)
        if fresh:
            self.out.out(fresh.decode("utf-8", "replace"), end="")


def _table(state: StackState) -> Table:
    table = Table(title=f"Keepfit stack: {state.phase}", title_justify="left")
    for column in ("part", "health", "address", "process", "restarts", "up in s"):
        table.add_column(column, overflow="fold", no_wrap=column == "address")
    for name, part in state.parts.items():
        health = f"[{_STYLES[part.health]}]{part.health}[/]"
        process = str(part.process.pid) if part.process else "-"
        seconds = "" if part.seconds is None else f"{part.seconds:.1f}"
        address = f"pool {POOL}" if name == "worker" else part.address
        table.add_row(part.title, health, address, process, str(part.restarts), seconds)
    for name, address in state.elsewhere.items():
        table.add_row(name, "yours", address, "-", "-", "")
    return table
