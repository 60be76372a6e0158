"""Looks for row identities where none may stand: in files, inside archives and databases, as plain bytes."""

import gzip
import hashlib
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

_TOKEN = re.compile(rb"sub-[0-9a-f]{8}|(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")


def identities(sample: Path) -> set[bytes]:
    """Every subscription id of the sample, and the row id that Keepfit makes of it."""
    ids = pd.concat(pd.read_csv(path, usecols=["subscription_id"]) for path in sorted(sample.rglob("events/*.csv")))
    names = {str(name) for name in ids["subscription_id"].dropna()}
    return {name.encode() for name in names} | {
        hashlib.sha256(name.encode()).hexdigest()[:24].encode() for name in names
    }


def found_in(content: bytes, known: set[bytes]) -> set[bytes]:
    """The identities that stand in some bytes."""
    return set(_TOKEN.findall(content)) & known


def leaks(folder: Path, known: set[bytes], without: tuple[str, ...] = ()) -> dict[str, set[bytes]]:
    """Per file below a folder, the identities that stand in it; `without` names subfolders that may hold data."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in without)
    seen = {str(path.relative_to(folder)): found_in(b"\n".join(_contents(path)), known) for path in files}
    return {name: tokens for name, tokens in seen.items() if tokens}


def stands_in(folder: Path, wanted: re.Pattern[bytes], without: tuple[str, ...] = ()) -> dict[str, set[bytes]]:
    """Per file below a folder, what of the wanted stands in it, packed or in a column; `without` names paths below."""
    left_out = [folder / name for name in without]
    found = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        if not any(path.is_relative_to(one) for one in left_out):
            seen = set(wanted.findall(b"\n".join([path.name.encode(), *_contents(path)])))
            found |= {str(path.relative_to(folder)): seen} if seen else {}
    return found


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    yield raw
    if raw.startswith(b"PAR1") and raw.endswith(b"PAR1"):  # a damaged delivery is bytes only
        for column in pq.ParquetFile(BytesIO(raw)).read().columns:
            yield "\n".join(set(map(str, column.to_pylist()))).encode("utf-8", "replace")
    if raw.startswith(b"\x1f\x8b"):
        yield gzip.decompress(raw)
    if zipfile.is_zipfile(BytesIO(raw)):  # skops keeps models this way
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
