"""What is read of a whole column at once is, to the bit, what is read of its cells one by one."""

import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import columns, whole_columns
from tasks.core.cells import in_arrow
from tasks.core.columns import Column
from tasks.core.conversion import hides

KINDS = ["integer", "number", "boolean", "category", "string", "datetime"]
MISSING = [("",), ("", "0"), ("", "-999", "1.5", "0.1"), ("", "True"), ("", "nan", "inf", "1e22"), ("", "2024-01-01")]
MOMENTS = st.one_of(
    st.just(None), st.datetimes().map(pd.Timestamp).filter(lambda moment: 1677 < moment.year < 2262),
    st.sampled_from(["2024-03-31 02:30", "2024-10-27 02:30", "2024-01-01", "1969-12-31 23:59:59.999999999"]).map(
        pd.Timestamp),
)  # fmt: skip
WORDS = st.sampled_from(["", " a ", "a", "b\u200b", "\x00", "7", "1.5", "-999", "yes", "2024-01-01", "É", "\ud800"])


def floats(width):
    return st.lists(st.one_of(st.floats(width=width), st.integers(-3, 3).map(float), st.just(-999.0)), max_size=8)


def of_dtype(values, dtype):
    return values.map(lambda found: pd.Series(np.array(found, dtype)))


def objects(cells):
    gaps = st.sampled_from([None, float("nan")])
    return st.lists(st.one_of(cells, cells, gaps), max_size=8).map(lambda found: pd.Series(found * 3, dtype=object))


def once(cells):
    return st.lists(cells, max_size=8, unique=True).map(lambda found: pd.Series(found, dtype=object))


def moments(zone, unit):
    def made(found):
        series = pd.Series(pd.to_datetime(pd.Series(found, dtype=object), errors="coerce"), dtype="datetime64[ns]")
        return (series if zone is None else series.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")).astype(
            f"datetime64[{unit}]" if zone is None else f"datetime64[{unit}, {zone}]"
        )

    # Without any time no text comes of them, which only the way of whole columns reads.
    return st.lists(MOMENTS, max_size=8).map(made).filter(lambda raw: raw.notna().any())


RAW = st.one_of(
    of_dtype(floats(64), "float64"), of_dtype(floats(32), "float32"), of_dtype(floats(16), "float16"),
    of_dtype(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 1), max_size=8), "int64"),
    of_dtype(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 1), max_size=8), "uint64"),
    of_dtype(st.lists(st.integers(-128, 127), max_size=8), "int8"), of_dtype(st.lists(st.booleans(), max_size=8), bool),
    objects(WORDS), objects(st.text(max_size=4)), once(WORDS), once(st.text("ab ~", max_size=4)),
    objects(st.integers() | st.integers(-1, 1)), objects(st.booleans()),
    objects(st.dates(date(1700, 1, 1), date(2200, 1, 1))), objects(st.one_of(st.integers(0, 1), st.booleans(), WORDS)),
    objects(WORDS).map(lambda raw: raw.where(raw.notna(), None).astype("category")),
    *(moments(zone, unit) for zone in (None, "UTC", "Europe/Berlin") for unit in ("ns", "us", "s")),
)  # fmt: skip


def cells(found):
    marks = (found.broken, found.absent, found.hidden, found.short)
    values = [repr(value) for value in found.read.astype(object)]
    return str(found.read.dtype), values, [list(map(bool, mark)) for mark in marks]


@settings(max_examples=600, deadline=None)
@given(RAW, st.sampled_from(KINDS), st.sampled_from(MISSING), st.sampled_from(["UTC", "Europe/Berlin"]), st.data())
def test_a_whole_column_is_read_as_its_cells_are(raw, kind, missing, zone, data):
    form = data.draw(st.sampled_from([None, None, "%Y-%m-%d"])) if kind == "datetime" else None
    decimal = data.draw(st.sampled_from([".", ","])) if kind == "number" else "."
    column = Column(
        name="c", role="time" if kind == "datetime" else "protected", type=kind, missing=missing, timezone=zone,
        format=form, decimal=decimal,
    )  # fmt: skip
    raw = raw.set_axis(pd.RangeIndex(10, 10 + len(raw)))
    asked = columns._as_it_came(column, raw)
    assert cells(columns._read(raw, asked)) == cells(columns._cell_by_cell(raw, asked))


EDGES = [-0.0, 0.0, float("inf"), float("nan"), 1e18, -1e18, 1e18 - 128, 0.1, -999.0, 1e22, 3.0, 1.5]


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("kind", ["integer", "number"])
@pytest.mark.parametrize(
    "raw",
    [
        pd.Series(EDGES),
        pd.Series(EDGES, dtype="float32"),
        pd.Series([-(2**63), 2**63 - 1, 10**18, 10**18 - 1, -(10**18), 2**53 + 1, 0, -999]),
        pd.Series([10**18 - 1, None, 10**18, 0, -999, float("nan")], dtype=object),
    ],
)
def test_the_edges_of_numbers_are_read_as_their_texts_are(raw, kind, missing):
    column = Column(name="c", role="protected", type=kind, missing=missing)
    assert cells(columns._read(raw, column)) == cells(columns._cell_by_cell(raw, column))


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (pd.Series([1.5, np.nan]), "number"),
        (pd.Series([1.0, np.nan]), "integer"),
        (pd.Series([1, 2]), "integer"),
        (pd.Series([1, None], dtype=object), "integer"),
        (pd.Series([True, False]), "boolean"),
        (pd.Series(pd.to_datetime(["2024-01-01", None])), "datetime"),
        (pd.Series(pd.to_datetime(["2024-01-01", None], utc=True)), "datetime"),
        (pd.Series(["red", "blue", None] * 9, dtype=object), "category"),
        (pd.Series(["1", "2", None] * 9, dtype=object), "number"),
        (pd.Series([True, None] * 9, dtype=object), "boolean"),
        (pd.Series([date(2024, 1, 1), None] * 9, dtype=object), "datetime"),
    ],
)
def test_ordinary_columns_need_no_text_of_each_cell(raw, kind, monkeypatch):
    """What is read cell by cell, for want of another way, are at most the different values."""
    column, seen = Column(name="c", role="protected", type=kind), []
    one_by_one = columns._cell_by_cell

    def counted(cells, column):
        seen.append(len(cells))
        return one_by_one(cells, column)

    monkeypatch.setattr(columns, "_cell_by_cell", counted)
    columns._read(raw, column)
    assert sum(seen) <= 3
    assert not seen or raw.dtype == object


def test_what_is_taken_for_plain_has_nothing_to_strip_and_nothing_hidden():
    signs = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    texts = [text for sign in signs for text in (sign, f"a{sign}", f"{sign}a")]
    taken = [
        text for text, sure in zip(texts, whole_columns.plain(pd.Series(texts, dtype=object)), strict=True) if sure
    ]
    assert [text for text in taken if text != text.strip() or hides(text)] == []
    assert {"a~", "!a", "a!"} <= set(taken)
    assert list(whole_columns.plain(pd.Series(["", "d-000000000123", "two words", None], dtype=object))) == [
        True, True, True, False,
    ]  # fmt: skip


def test_half_of_a_surrogate_pair_takes_nothing_else_along():
    raw = pd.Series(["a", "\ud800", "a", "a"], dtype=object)
    column = Column(name="c", role="protected", type="string")
    assert cells(columns._read(raw, column)) == cells(columns._cell_by_cell(raw, column))
    assert in_arrow(raw) is None


@given(
    st.lists(st.none() | st.text("ab~", max_size=3), max_size=8, unique=True), st.sampled_from(["string", "category"])
)
def test_texts_that_differ_are_read_as_they_are(texts, kind):
    raw = pd.Series(texts, dtype=object)
    column = Column(name="c", role="protected", type=kind, missing=("", "a"))
    found = whole_columns.plain_texts(raw, column, in_arrow(raw))
    assert (found is None) == (not any(text is not None for text in texts))
    assert found is None or cells(found) == cells(columns._cell_by_cell(raw, column))
