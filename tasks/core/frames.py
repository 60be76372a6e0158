"""Frames of the columns of other frames, which are not copied: a large delivery is held once. No rules here."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


_AT_ONCE = 50_000  # texts that are Python's, too


def beside(frame: "pd.DataFrame", new: "Mapping[str, pd.Series]") -> "pd.DataFrame":
    """The frame with further columns, or others in the place of some."""
    return _of({str(name): frame[name] for name in frame} | dict(new), frame)


def only(frame: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """Some columns of the frame, in this order."""
    return _of({name: frame[name] for name in names}, frame)


def parted(values: Sequence[str]) -> "Iterator[Sequence[str]]":
    """So many of them at a time that what is made of them is soon let go."""
    yield from (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


def texts_held(parts: "Iterable[list[str]]", index: "pd.Index") -> "pd.Series":
    """Texts that hardly repeat, held by Arrow: of a million of them Python's own take three times the memory."""
    import pandas as pd
    import pyarrow as pa

    held = pa.chunked_array([pa.array(part, pa.large_string()) for part in parts], pa.large_string())
    return pd.Series(pd.array(held, dtype=pd.StringDtype("pyarrow", na_value=float("nan"))), index)


def all_alike(text: str, rows: "pd.DataFrame | pd.Series") -> "pd.Series":
    """One text for each row, held once."""
    import numpy as np
    import pandas as pd

    return pd.Series(pd.Categorical.from_codes(np.zeros(len(rows), "int8"), pd.Index([text])), rows.index)


def as_texts(values: "pd.Series") -> list[str]:
    """The text of each value; empty where there is none."""
    import pandas as pd

    are = values.dtype == object and pd.api.types.infer_dtype(values, skipna=False) == "string"
    texts: list[str] = (values if are else values.astype("string").fillna("")).tolist()
    return texts


def others(index: "pd.Index", labels: "Collection[int]") -> "NDArray[np.bool_]":
    """Mask of the rows that have none of these labels."""
    import numpy as np
    import pandas as pd

    mask, places = np.ones(len(index), bool), index.get_indexer(pd.Index(list(labels)))
    mask[places[places >= 0]] = False
    return mask


def taken_over(frame: "pd.DataFrame", rows: "NDArray[np.bool_]") -> "pd.DataFrame":
    """The rows of a mask. The frame loses its columns one by one, so that no large one is held twice."""
    import pandas as pd

    index = frame.index[rows]
    columns = {name: pd.Series(frame.pop(name).array[rows], index, copy=False) for name in map(str, list(frame))}
    return pd.DataFrame(columns, index, copy=False)


def _of(columns: "Mapping[str, pd.Series]", frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(dict(columns), index=frame.index, copy=False)
