"""No event carries a joined value of a later time, or one that was not known yet; it carries the newest allowed one."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.columns import Column, convert
from tasks.core.features import EVENT_TIME
from tasks.core.joins import KEY, Join, joined_values, key_digests, newest_known

START = datetime(2024, 1, 1, tzinfo=UTC)
moments = st.integers(0, 12)
keys = st.sampled_from(["a", "b"])
joined_rows = st.lists(st.tuples(keys, moments, moments, moments), max_size=14)
asked = st.lists(st.tuples(st.one_of(st.none(), keys), st.one_of(st.none(), moments)), max_size=10)


def times(hours):
    told = [None if hour is None else START + timedelta(hours=hour) for hour in hours]
    return pd.Series(pd.to_datetime(pd.Series(told, dtype=object), utc=True)).astype("datetime64[us, UTC]")


def table(rows):
    """Rows of (key, time, known at, delivered at) as the store gives them back."""
    told = {name: [row[place] for row in rows] for place, name in enumerate(("k", "t", "known", "ingested"))}
    return pd.DataFrame({
        KEY: pd.Series(told["k"], dtype=object), EVENT_TIME: times(told["t"]), "known": times(told["known"]),
        "_ingested_at": times(told["ingested"]), "_batch_id": pd.Series(told["k"], dtype=object),
    })  # fmt: skip


def by_hand(key, moment, rows, known_at, max_age):
    """The newest row of the key that is not of the future, was known, and is young enough; -1 for none."""
    if key is None or moment is None:
        return -1
    known = [row[2] if known_at else row[1] for row in rows]
    allowed = [n for n, row in enumerate(rows) if row[0] == key and row[1] <= moment and known[n] <= moment]
    best = max(allowed, key=lambda n: (rows[n][1], known[n], rows[n][3], n), default=-1)
    return -1 if best < 0 or (max_age is not None and moment - rows[best][1] > max_age) else best


@settings(max_examples=300)
@given(rows=joined_rows, events=asked, known_at=st.booleans(), max_age=st.one_of(st.none(), st.integers(0, 8)))
def test_an_event_gets_the_newest_row_that_was_there_and_known(rows, events, known_at, max_age):
    join = Join("w", {"k": "k"}, {}, known_at="known" if known_at else None,
                max_age=None if max_age is None else timedelta(hours=max_age))  # fmt: skip
    index = pd.Index([7 * n + 3 for n in range(len(events))])  # row numbers with gaps, as some rows may be left out
    found = newest_known(
        pd.Series([key for key, _ in events], index=index, dtype=object),
        times([moment for _, moment in events]).set_axis(index), table(rows), join,
    )  # fmt: skip
    assert found.tolist() == [by_hand(key, moment, rows, known_at, max_age) for key, moment in events]
    assert list(found.index) == list(index)


def test_a_row_that_became_known_after_a_newer_one_never_takes_its_place():
    rows = [("a", 5, 9, 0), ("a", 6, 6, 0)]
    join = Join("w", {"k": "k"}, {}, known_at="known")
    found = newest_known(pd.Series(["a"] * 4, dtype=object), times([5, 6, 9, 10]), table(rows), join)
    assert found.tolist() == [-1, 1, 1, 1]


def test_keys_are_compared_as_their_declared_type_and_a_part_that_is_missing_is_no_key():
    def digest(kind, *values):
        columns = [Column(name="k", role="feature", type=kind), Column(name="l", role="feature", type="string")]
        text = pd.DataFrame({"k": values, "l": ["x"] * len(values)}, dtype=object)
        return key_digests(convert(text, columns).frame, ["k", "l"]).tolist()

    assert len(set(digest("integer", "7", "007", "+7"))) == 1
    assert len(set(digest("string", "7", "007", "+7"))) == 3
    assert digest("integer", "7")[0] == digest("string", "7")[0]  # what counts is the value, not how it is kept
    assert pd.isna(digest("string", "", "a", None)).tolist() == [True, False, True]
    ab = pd.DataFrame({"k": ["a", "ab"], "l": ["bc", "c"]})
    assert key_digests(ab, ["k", "l"]).nunique() == 2


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("integer", 2**60 + 1, "Int64"),
        ("number", 1.5, "float64"),
        ("boolean", True, "boolean"),
        ("string", "x", object),
    ],
)
def test_joined_values_have_the_declared_type_whether_or_not_there_is_a_row(kind, value, stored):
    column = Column(name="brought", role="feature", type=kind, join="w.theirs")
    join = Join("w", {"k": "k"}, {"brought": "theirs"}, typed=[column])
    rows = pd.DataFrame({"theirs": pd.Series([value], dtype=stored), "_batch_id": ["b"]})
    places = pd.Series([0, -1], index=[4, 9])
    for held in (rows, rows.iloc[:0], rows[["_batch_id"]]):  # of a column that was declared later no row has a value
        found = joined_values(held, places, join)
        assert found["brought"].dtype == convert(pd.DataFrame(index=[0]), [column]).frame["brought"].dtype
        assert bool(pd.isna(found["brought"][9]))
        assert found["_joined_w"][9] is None
        if len(held) and "theirs" in held:
            assert (found["brought"][4], found["_joined_w"][4]) == (value, "b")


def test_of_one_key_and_time_the_last_known_counts_and_then_the_last_delivered():
    join = Join("w", {"k": "k"}, {}, known_at="known")
    for rows in ([("a", 1, 4, 0), ("a", 1, 3, 9)], [("a", 1, 3, 9), ("a", 1, 3, 0)]):
        found = newest_known(pd.Series(["a"], dtype=object), times([5]), table(rows), join)
        assert found.tolist() == [0]
