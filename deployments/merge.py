"""Three-way merge of a schedule: what we deployed last, what the server has now, what the file says. Pure.

Reading and writing any of the three belongs to `register.py` and `ui_edits.py`.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Slot:
    """A schedule reduced to what people change: its timing, as comparable text, and whether it runs.

    `schedule` is Prefect's own object for the timing; it takes no part in comparisons.
    """

    timing: str
    active: bool
    schedule: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.timing if self.active else f"{self.timing}, paused"


@dataclass(frozen=True)
class Merged:
    """What shall stand on the server (None: no schedule), what to remember as deployed, and which edits were kept."""

    slot: Slot | None
    remember: Slot | None
    kept: tuple[str, ...] = ()


def merge(last: Slot | None, server: Slot | None, wanted: Slot | None, *, reset: bool = False) -> Merged:
    """Decide field by field: whoever changed it since the last deploy wins; if both did, the UI does.

    `last` is None where nothing is remembered: then what the server has counts as edited. With `reset` the file wins.
    A kept edit is remembered as what it was edited from, so it stays an edit until somebody takes it back.
    """
    if reset or server == wanted:
        return Merged(wanted, wanted)
    if server is None:
        return Merged(wanted, wanted) if last is None else Merged(None, last, ("deleted in the UI",))
    if wanted is None:
        return Merged(None, None) if server == last else Merged(server, last, (f"edited in the UI to {server}",))
    return _by_field(last or wanted, server, wanted)


def _by_field(last: Slot, server: Slot, wanted: Slot) -> Merged:
    keep_timing = server.timing not in (last.timing, wanted.timing)
    keep_active = server.active not in (last.active, wanted.active)
    timed = server if keep_timing else wanted
    kept = [f"edited in the UI to {server.timing}"] if keep_timing else []
    if keep_active:
        kept.append("resumed in the UI" if server.active else "paused in the UI")
    return Merged(
        Slot(timed.timing, server.active if keep_active else wanted.active, timed.schedule),
        Slot((last if keep_timing else wanted).timing, (last if keep_active else wanted).active),
        tuple(kept),
    )
