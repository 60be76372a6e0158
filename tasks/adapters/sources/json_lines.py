"""JSON lines: one object per line, read exactly; numbers stay the text that was delivered."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tasks.adapters.sources import bounds
from tasks.core.errors import DataRejected

if TYPE_CHECKING:
    import pandas as pd

_WORDS = {True: "true", False: "false"}


def read_json_lines(lines: Iterable[str], limit: int) -> "pd.DataFrame":
    """One row per line, the columns in the order in which their names first come; null and a name left out are None.

    Raises DataRejected for a line that is no flat object, for a file without any, and for more rows and columns than
    fit into `limit` bytes.
    """
    import pandas as pd

    records = [_record(number, line) for number, line in enumerate(lines, 1)]
    if not records:
        raise DataRejected("The file is empty: not one record. Have it delivered again.", "empty")
    names = list(dict.fromkeys(name for record in records for name in record))
    bounds.refuse_cells(len(records), len(names), limit)
    columns = {name: [record.get(name) for record in records] for name in names}
    return pd.DataFrame(columns, index=range(len(records)), dtype=object)


def _record(number: int, line: str) -> dict[str, Any]:
    try:
        read = read_json(line)
    except (ValueError, RecursionError):
        raise DataRejected(
            f"Line {number} is no JSON object, or names a field twice. Check source.format, or have the file "
            "delivered again.",
            "json",
        ) from None
    if not isinstance(read, dict):
        raise DataRejected(
            f"Line {number} is no JSON object. Check source.format, or have the file delivered again.", "json"
        )
    for place, (name, value) in enumerate(read.items(), 1):
        if isinstance(value, dict | list):
            raise DataRejected(
                f"Line {number} holds values inside of its field {place}. Have it delivered again, flat.", "nested"
            )
        bounds.refuse_field(f"Line {number}", max(len(name), len(value) if isinstance(value, str) else 0))
    return {name: _WORDS[value] if isinstance(value, bool) else value for name, value in read.items()}


def read_json(text: str | bytes) -> Any:
    """JSON with numbers as the text that was delivered. Raises ValueError, also for a field that is named twice."""
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse, object_pairs_hook=_named_once)


def nested_in(record: dict[str, Any]) -> list[str]:
    """The fields of a record that hold other values inside."""
    return sorted(name for name, value in record.items() if isinstance(value, dict | list))


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError
    return found


def _refuse(_: str) -> Any:
    raise ValueError  # NaN and Infinity are no JSON
