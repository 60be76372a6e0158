"""One row of the benchmarks' table, and how busy the machine was meanwhile. Measuring does not belong here."""

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measured figure as it is shown; `met` is None where no goal was set."""

    measure: str
    keepfit: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None
    load: str = ""


def load() -> str:
    """The load average of the last minute and the number of cores that this process may use."""
    return f"{os.getloadavg()[0]:.1f}"


def show(rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    words = {None: "", True: "[green]yes[/]", False: "[red]NO[/]"}
    table = Table("measure", "keepfit", "peer", "ratio", "goal", "met", "load", title="Keepfit's benchmarks, one run")
    for row in rows:
        table.add_row(row.measure, row.keepfit, row.peer, row.ratio, row.goal, words[row.met], row.load)
    console = Console()
    # A log file has no width of its own, and eighty columns would break every cell.
    (console if console.is_terminal else Console(width=200)).print(table)
