"""Frames of the columns of other frames, which are not copied: a large delivery is held once. No rules here."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def beside(frame: "pd.DataFrame", new: "Mapping[str, pd.Series]") -> "pd.DataFrame":
    """The frame with further columns, or others in the place of some."""
    return _of({str(name): frame[name] for name in frame} | dict(new), frame)


def only(frame: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """Some columns of the frame, in this order."""
    return _of({name: frame[name] for name in names}, frame)


def _of(columns: "Mapping[str, pd.Series]", frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(dict(columns), index=frame.index, copy=False)
