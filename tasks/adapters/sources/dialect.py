"""How a file that nobody has described seems to be written: found once, for a person to review, and then declared."""

import csv
import itertools
from pathlib import Path

from tasks.adapters.sources import bounds
from tasks.adapters.sources.packed import opened
from tasks.core.errors import DataRejected

_SEPARATORS, _LINES = (",", ";", "\t", "|"), 200
_ENCODINGS = ("utf-8-sig", "cp1252")


def encoding_of(path: Path) -> str:
    """utf-8-sig where the whole file is UTF-8, else the encoding that office programs write."""
    for encoding in _ENCODINGS[:-1]:
        try:
            with opened(path, encoding, bounds.SIZE, "csv") as lines:
                for _ in lines:
                    pass
        except UnicodeError:
            continue
        except DataRejected:  # reading says why
            pass
        return encoding
    return _ENCODINGS[-1]


def separator_of(path: Path, encoding: str) -> str:
    """What cuts the first lines into the most fields, as many in each; a comma where nothing does."""
    with opened(path, encoding, bounds.SIZE, "csv") as lines:
        head = list(itertools.islice(lines, _LINES))
    best, most = _SEPARATORS[0], 1
    for separator in _SEPARATORS:
        counts = {len(record) for record in csv.reader(head, delimiter=separator) if record}
        if len(counts) == 1 and (fields := counts.pop()) > most:
            best, most = separator, fields
    return best
