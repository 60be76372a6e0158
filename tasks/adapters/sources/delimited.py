"""Delimited text (CSV): every field stays text, and rows are counted by two readers that have to agree."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import DataRejected

if TYPE_CHECKING:
    import pandas as pd


def read_delimited(path: Path, lines: Iterable[str], separator: str, encoding: str) -> "pd.DataFrame":
    """Every row of a file; `lines` are those of the same file, unpacked. Fields that a row lacks are NaN.

    Raises DataRejected for no header, a name twice, too many fields, NUL bytes, or counts that do not agree.
    """
    import pandas as pd

    counted, header, short = _count(lines, separator)
    frame = pd.read_csv(
        path, dtype=str, keep_default_na=False, na_values=[], index_col=False, sep=separator, encoding=encoding,
        on_bad_lines="error", header=0, names=header,
    )  # fmt: skip
    if len(frame) != counted:
        raise DataRejected(
            f"The file holds {counted} records by one count and {len(frame)} by another: it is cut off, "
            "has blank lines or unbalanced quotes. Have it delivered again."
        )
    for row, fields in short.items():  # pandas fills short rows up, as if empty fields had been delivered
        frame.iloc[row, fields:] = float("nan")
    return frame


def refuse_bad_header(header: list[str]) -> None:
    """Raise DataRejected for no header, or for a name that stands in it twice."""
    if not header:
        raise DataRejected("The file is empty: not even a header. Have it delivered again.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataRejected(f"The header names {', '.join(twice)} more than once. Each column needs a name of its own.")


def _count(lines: Iterable[str], separator: str) -> tuple[int, list[str], dict[int, int]]:
    """Records, header, and of each row that is too short (by its place) how many fields it has."""
    records: Iterator[list[str]] = csv.reader(lines, delimiter=separator, strict=True)
    header = next(records, [])
    refuse_bad_header(header)
    counted, short = 0, {}
    for record in records:
        counted += bool(record)
        if any("\0" in field for field in record):
            raise DataRejected(f"Record {counted} holds a NUL byte: the file is damaged. Have it delivered again.")
        if len(record) > len(header):
            raise DataRejected(
                f"Record {counted} has {len(record)} fields and the header has {len(header)}. "
                "Check source.separator, or have the file delivered again."
            )
        if record and len(record) < len(header):
            short[counted - 1] = len(record)
    return counted, header, short
