"""A past holds what was known then, by row and by label, and nothing else."""

from datetime import timedelta

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.fitting import LABEL
from tasks.core.history import KNOWN_AT, History
from tasks.core.results import Window
from tests.tasks.core.histories import DAY, START, tables

ages = st.integers(0, 20)
rows = st.lists(
    st.tuples(ages, st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(0, 9)), max_size=3)), max_size=8
)


@given(rows, st.integers(-1, 31), ages, st.integers(0, 12))
@settings(deadline=None, max_examples=100)
def test_a_past_gives_each_row_its_newest_label_by_then(made, by, begin, length):
    events = [(f"r{n}", START + age * DAY) for n, (age, _) in enumerate(made)]
    labels = [(f"r{n}", value, START + known * DAY) for n, (_, found) in enumerate(made) for known, value in found]
    as_of, window = START + by * DAY, Window(START + begin * DAY, START + (begin + length) * DAY)
    history = History.of(
        pd.DataFrame(events, columns=[ROW_ID, EVENT_TIME]).astype({EVENT_TIME: "datetime64[us, UTC]"}),
        pd.DataFrame(labels, columns=[ROW_ID, LABEL, KNOWN_AT]).astype(
            {LABEL: "float64", KNOWN_AT: "datetime64[us, UTC]"}
        ),
    )
    past = history.at(as_of)
    told = past.labelled(window)
    expected = {}
    for name, time in events:
        # Of two labels that became known at the same moment the later one in the table counts.
        known = [one for one in sorted(labels, key=lambda one: one[2]) if one[0] == name and one[2] <= as_of]
        if window.start <= time < window.end and time < as_of and known and known[-1][1] is not None:
            expected[name] = known[-1][1]
    assert dict(zip(told[ROW_ID], told[LABEL], strict=True)) == expected
    assert list(told[EVENT_TIME]) == sorted(told[EVENT_TIME])
    assert len(past.rows(window)) == sum(window.start <= t < window.end and t < as_of for _, t in events)


def test_what_counts_as_new_and_newest_goes_by_the_labels_known():
    events, labels = tables(days=30, per_day=1)
    history = History.of(events, labels)
    past = history.at(START + 20 * DAY)
    due = sorted(time for time in events[EVENT_TIME] if time <= START + 18 * DAY)
    assert past.newest_labelled() == due[-1]
    assert past.labelled_after(START + 10 * DAY) == sum(time > START + 10 * DAY for time in due)
    assert history.at(START + timedelta(days=1)).newest_labelled() is None


def test_the_outcome_has_the_labels_of_the_end():
    events, labels = tables(days=30, per_day=2)
    history = History.of(events, labels)
    window = Window(START + 10 * DAY, START + 12 * DAY)
    assert len(history.outcome(window)) == len(history.at(START + 30 * DAY).labelled(window)) > 0
    assert len(history.at(window.end).labelled(window)) == 0
