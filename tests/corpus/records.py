"""No CSV: JSON lines and Parquet, broken, nested, ambiguous, or of types that mean something else."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.corpus.case import CANARY, NO_ROWS, Case, rows

JSON = "delivery.jsonl"
PARQUET = "delivery.parquet"


def dumped(changes: dict[int, dict[str, Any]] | None = None) -> bytes:
    """Good rows but for some values, as JSON lines."""
    told = [row | (changes or {}).get(number, {}) for number, row in enumerate(rows())]
    return "".join(json.dumps(row) + "\n" for row in told).encode()


def parquet(**columns: Any) -> bytes:
    """Good rows but for some columns, as Parquet."""
    good = rows()
    told = {name: pa.array([row[name] for row in good]) for name in good[0]} | columns
    stream = io.BytesIO()
    pq.write_table(pa.table(told), stream, write_page_checksum=True, compression="none")
    return stream.getvalue()


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    good, text = dumped(), dumped().decode().splitlines(keepends=True)
    yield Case("JSON lines", good, file=JSON, typed={"pieces": list(range(1, 11)), "fragile": [True, False] * 5})
    yield Case("JSON cut off", good[:-9], file=JSON, refused="batch:json")
    yield Case("JSON empty", b"", file=JSON, refused="batch:empty")
    yield Case("JSON one array over all lines", f"[{','.join(text)}]".encode(), file=JSON, refused="batch:json")
    yield Case("JSON blank line", (text[0] + "\n" + text[1]).encode(), file=JSON, refused="batch:json")
    yield Case("JSON two records in a line", (text[0].strip() + text[1]).encode(), file=JSON, refused="batch:json")
    yield Case("JSON nested", dumped({3: {"zone": {"b": CANARY}}}), file=JSON, refused="batch:nested")
    yield Case(
        "JSON nested, a hostile name",
        dumped({3: {"<b>4711": [1]}}),
        file=JSON,
        refused="batch:nested",
        secrets=("4711",),
    )
    yield Case(
        "JSON nested ten thousand deep",
        b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}\n",
        file=JSON,
        refused="batch:json",
    )
    yield Case("JSON a name twice", b'{"parcel": "a", "parcel": "b"}\n', file=JSON, refused="batch:json")
    yield Case("JSON a list for a record", dumped() + b"[1, 2]\n", file=JSON, refused="batch:json")
    yield Case("JSON NaN", dumped({3: {"weight": float("nan")}}), file=JSON, refused="batch:json")
    yield Case("JSON Infinity", dumped({3: {"weight": float("inf")}}), file=JSON, refused="batch:json")
    yield Case("JSON single quotes", text[0].replace('"', "'").encode(), file=JSON, refused="batch:json")
    yield Case(
        "JSON numbers as they are written",
        dumped({3: {"pieces": 900_719_925_474_099_3}}),
        file=JSON,
        typed={"pieces": [1, 2, 3, 9007199254740993, 5, 6, 7, 8, 9, 10]},
    )
    yield Case(
        "JSON float where a whole number is declared", dumped({3: {"pieces": 4.5}}), file=JSON, rows={3: "type:pieces"}
    )
    yield Case(
        "JSON a name left out",
        b"".join(
            json.dumps({k: v for k, v in row.items() if k != "parcel" or n}).encode() + b"\n"
            for n, row in enumerate(rows())
        ),
        file=JSON,
        rows={0: "required:parcel"},
    )
    yield Case(
        "JSON a lone surrogate",
        good.replace(b'"zone": "b"', b'"zone": "\\ud800"', 1),
        file=JSON,
        rows={1: "characters:zone"},
    )
    yield Case(
        "JSON an escaped NUL",
        good.replace(b'"zone": "b"', b'"zone": "b\\u0000"', 1),
        file=JSON,
        rows={1: "characters:zone"},
    )
    yield Case(
        "JSON a field of a megabyte", dumped({3: {"zone": "x" * 1_000_000}}), file=JSON, refused="batch:field-length"
    )
    yield from _parquet()


def _parquet() -> Iterator[Case]:
    good = parquet()
    yield Case("Parquet", good, file=PARQUET, typed={"pieces": list(range(1, 11))})
    flipped = bytearray(good)
    flipped[flipped.index(CANARY.encode()) + 3] ^= 1
    yield Case("Parquet with a flipped byte", bytes(flipped), file=PARQUET, refused="batch:damaged")
    yield Case("Parquet cut off", good[:-40], file=PARQUET, refused="batch:damaged")
    yield Case("Parquet that is text", b"a,b\n1,2\n", file=PARQUET, refused="batch:damaged")
    yield Case("Parquet called csv", good, file="delivery.csv", refused="batch:format")
    yield Case("Parquet empty", b"", file=PARQUET, refused="batch:damaged")
    yield Case("Parquet of lists", parquet(zone=pa.array([["a"]] * 10)), file=PARQUET, refused="batch:nested")
    yield Case("Parquet of records", parquet(zone=pa.array([{"b": 1}] * 10)), file=PARQUET, refused="batch:nested")
    yield Case(
        "Parquet of lists in a column that nobody reads",
        parquet(tags=pa.array([["a"]] * 10)),
        file=PARQUET,
        typed={"zone": ["a", "b"] * 5},
    )
    yield Case(
        "Parquet infinite", parquet(weight=pa.array([float("inf")] + [1.5] * 9)), file=PARQUET, rows={0: "type:weight"}
    )
    yield Case(
        "Parquet big whole numbers beside a gap",
        parquet(pieces=pa.array([2**53 + 1, None] * 5)),
        file=PARQUET,
        typed={"pieces": [2**53 + 1, None] * 5},
    )
    yield Case(
        "Parquet beyond 64 bits with a sign",
        parquet(pieces=pa.array([2**64 - 1] + [1] * 9, pa.uint64())),
        file=PARQUET,
        rows={0: "type:pieces"},
    )
    yield Case(
        "Parquet bytes that are no text",
        parquet(zone=pa.array([b"\xff\xfe"] + [b"a"] * 9)),
        file=PARQUET,
        rows={0: "characters:zone"},
    )
    yield Case(
        "Parquet a field of a megabyte",
        parquet(zone=pa.array(["x" * 1_000_000] + ["a"] * 9)),
        file=PARQUET,
        refused="batch:field-length",
    )
    yield Case(
        "Parquet all null",
        parquet(weight=pa.nulls(10)),
        file=PARQUET,
        refused="batch:ExpectColumnProportionOfNonNullValuesToBeBetween:weight",
    )
    yield Case("Parquet of no rows", _none(), file=PARQUET, refused=NO_ROWS, delivered=0)


def _none() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({name: pa.array([], pa.string()) for name in rows()[0]}), stream)
    return stream.getvalue()
