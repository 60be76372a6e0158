"""A delivered column as words: each value as the text that a file would hold of it, whatever type it came in.

What the words then mean by the declared columns: columns. No rules, no faults.
"""

from math import isnan
from typing import TYPE_CHECKING

from tasks.core import whole_columns
from tasks.core.whole_columns import number_text

if TYPE_CHECKING:
    import pandas as pd


def words_of(raw: "pd.Series") -> "pd.Series":
    """The words, object dtype with the same index; None where there is no value. Texts lose blanks at both ends."""
    import pandas as pd

    if raw.dtype == object or isinstance(raw.dtype, pd.CategoricalDtype):
        words, sure = raw.astype(object), whole_columns.plain(raw)
        if sure.any():
            words = words.copy()
            words[~sure] = words[~sure].map(_as_text)
            return words
        return words.map(_as_text)
    if pd.api.types.is_float_dtype(raw):
        texts = raw.map(number_text, na_action="ignore")
    elif pd.api.types.is_datetime64_any_dtype(raw):
        texts = raw.map(lambda moment: moment.isoformat(), na_action="ignore")
    else:
        texts = raw.astype("string")
    return texts.astype(object).where(raw.notna(), None)


def _as_text(value: object) -> object:
    import pandas as pd

    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bytes):  # Parquet without a text annotation
        return value.decode("utf-8", "surrogateescape").strip()
    missing = value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and isnan(value))
    return None if missing else str(value)
