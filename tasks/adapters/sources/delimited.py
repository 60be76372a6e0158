"""Delimited text (CSV): every field stays text, and rows are counted by two readers that have to agree."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.adapters.sources import bounds
from tasks.core.errors import DataRejected

if TYPE_CHECKING:
    import pandas as pd


def read_delimited(path: Path, lines: Iterable[str], separator: str, encoding: str, limit: int) -> "pd.DataFrame":
    """Every row of a file; `lines` are those of the same file, unpacked. Fields that a row lacks are NaN.

    Raises DataRejected for no header, a name twice, too many fields, NUL bytes, counts that do not agree, or more rows
    and columns than fit into `limit` bytes.
    """
    import pandas as pd

    counted, header, short = _count(lines, separator)
    bounds.refuse_cells(counted, len(header), limit)
    frame = pd.read_csv(
        path, dtype=str, keep_default_na=False, na_values=[], index_col=False, sep=separator, encoding=encoding,
        on_bad_lines="error", header=0, names=header,
    )  # fmt: skip
    if len(frame) != counted:
        raise DataRejected(
            f"The file holds {counted} records by one count and {len(frame)} by another: it is cut off, "
            "has blank lines or unbalanced quotes. Have it delivered again.",
            "count",
        )
    for row, fields in short.items():  # pandas fills short rows up, as if empty fields had been delivered
        frame.iloc[row, fields:] = float("nan")
    return frame


def refuse_bad_header(header: list[str]) -> None:
    """Raise DataRejected for a name that stands in it twice, told by its places: without a header it would be cells."""
    first: dict[str, int] = {}
    for place, name in enumerate(header, 1):
        if first.setdefault(name, place) != place:
            raise DataRejected(
                f"Fields {first[name]} and {place} of the header hold the same name. Each column needs a name of its "
                "own, and the first line has to be the header.",
                "header",
            )


def _count(lines: Iterable[str], separator: str) -> tuple[int, list[str], dict[int, int]]:
    """Records, header, and of each row that is too short (by its place) how many fields it has."""
    records: Iterator[list[str]] = csv.reader(lines, delimiter=separator, strict=True)
    csv.field_size_limit(bounds.FIELD)
    header = next(records, None)
    if header is None:
        raise DataRejected("The file is empty: not even a header. Have it delivered again.", "empty")
    if not header:
        raise DataRejected(
            "The first line is blank, and the header has to stand there. Have it delivered again.", "header"
        )
    refuse_bad_header(header)
    _refuse_nul(header, 0)
    counted, short = 0, {}
    for record in records:
        counted += bool(record)
        _refuse_nul(record, counted)
        if len(record) > len(header):
            raise DataRejected(
                f"Record {counted} has {len(record)} fields and the header has {len(header)}. "
                "Check source.separator, or have the file delivered again.",
                "fields",
            )
        if record and len(record) < len(header):
            short[counted - 1] = len(record)
    return counted, header, short


def _refuse_nul(record: list[str], number: int) -> None:
    if any("\0" in field for field in record):
        where = f"Record {number}" if number else "The header"
        raise DataRejected(f"{where} holds a NUL byte: the file is damaged. Have it delivered again.", "nul-bytes")
