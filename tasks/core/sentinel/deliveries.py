"""One delivery held against the accepted ones before it: everything that the sentinel knows, in one place.

What an earlier delivery showed against those before it is the source's own habit, and no sign. What follows: `policy`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tasks.core.columns import Column
from tasks.core.drift import PARTS
from tasks.core.features import EVENT_TIME, features_of
from tasks.core.pairs import microseconds
from tasks.core.sampling import bounded_sample
from tasks.core.sentinel import TESTS, column_findings
from tasks.core.sentinel.arrivals import fewer_rows, late_rows, missing_sources
from tasks.core.sentinel.finding import LEAST, Finding, Floats
from tasks.core.sentinel.rows import content, fewer_ids, repeated_rows, sorted_by_label, with_a_twin
from tasks.core.sentinel.shares import unusual_shares
from tasks.core.sentinel.times import another_clock, day_and_month, placeholder_times

if TYPE_CHECKING:
    import pandas as pd

BATCH, INGESTED = "_batch_id", "_ingested_at"
_SAMPLE = 5_000  # rows of each side that columns and times are compared on
_HABITS = 8  # earlier deliveries that are asked whether they show the same
_ALIKE = 0.1  # of the rows have a twin by themselves
_DELIVERY_TESTS = 10  # tests of the delivery as a whole


@dataclass(frozen=True)
class Past:
    """Accepted deliveries: rows of the newest ones (with `_batch_id`, `_ingested_at`), and one row for each of all.

    `sizes` are accepted rows, `ages` how old (seconds) the newest event was at delivery; oldest delivery first.
    `label_sorted`: the newest of them came in the order of its label, too. `held`: the share of those deliveries' rows
    that `rows` holds.
    """

    rows: "pd.DataFrame"
    sizes: Floats
    ages: Floats
    label_sorted: bool = False
    held: float = 1.0


@dataclass(frozen=True)
class Arrival:
    """A delivery: its sound rows in the order in which they came, when they came, their labels where they hold them."""

    rows: "pd.DataFrame"
    delivered_at: datetime
    labels: Floats | None = None


def delivery_findings(
    arrival: Arrival, past: Past, columns: Sequence[Column], one_false_alarm_in: int, seed: int
) -> tuple[Finding, ...]:
    """What broke in a delivery, in comparison with accepted ones; nothing where there are none, or next to no rows.

    An unchanged source whose deliveries are exchangeable is called broken in at most one of `PARTS *
    one_false_alarm_in` deliveries (Bonferroni over columns and tests).
    """
    if min(len(arrival.rows), len(past.rows)) < LEAST:
        return ()
    rate = 1 / one_false_alarm_in / PARTS
    judge = _Judge(tuple(columns), rate, seed)
    found = list(judge.broken(past.rows, arrival.rows, arrival.delivered_at, past.sizes, past.held))
    if found:
        habits = set(judge.habits(past))
        found = [finding for finding in found if (finding.kind, finding.columns) not in habits]
    if arrival.labels is not None and not past.label_sorted:
        found += _some(sorted_by_label(arrival.labels, microseconds(arrival.rows[EVENT_TIME]), judge.level))
    found += _some(fewer_rows(len(arrival.rows), past.sizes, judge.whole))
    kinds = judge.features.numerical, judge.features.categorical
    named = {name for finding in found for name in finding.columns}
    found += unusual_shares(past.rows, arrival.rows, *kinds, judge.level, named)
    age = (arrival.delivered_at - arrival.rows[EVENT_TIME].max()).total_seconds()
    return (*found, *_some(late_rows(age, past.ages, judge.whole)))


def _some(finding: Finding | None) -> list[Finding]:
    return [] if finding is None else [finding]


class _Judge:
    """The tests of one pipeline's deliveries, each at its share of the rate of false alarms."""

    def __init__(self, columns: tuple[Column, ...], rate: float, seed: int) -> None:
        self.features = features_of(columns, ())
        names = (*self.features.numerical, *self.features.categorical)
        self._names, self._seed = names, seed
        self._ids = [column.name for column in columns if column.role == "id"]
        self._time = next((column for column in columns if column.role == "time"), None)
        self.whole = rate / (_DELIVERY_TESTS + 1)  # the tests of all columns share one part
        self.level = self.whole / max(1, len(names)) / (TESTS + 2)

    def broken(
        self, was: "pd.DataFrame", now: "pd.DataFrame", delivered_at: datetime, sizes: Floats, held: float
    ) -> Iterator[Finding]:
        """What the rows of a delivery show against the rows of others; what cannot be compared is left out."""
        sample, rows = (bounded_sample(side, _SAMPLE, self._seed) for side in (was, now))
        features = self.features
        yield from column_findings(
            sample, rows, numerical=features.numerical, categorical=features.categorical, level=self.level
        )
        yield from _some(self._repeated(was, now, held))
        if len(self._ids) == 1:
            name, order = self._ids[0], sample[INGESTED].rank(method="dense").to_numpy("int64")
            yield from _some(fewer_ids(sample[name], order, rows[name]))
        yield from _some(missing_sources(sample, now, features.categorical, sizes, self.level))
        if self._time is not None:
            yield from self._times(sample, rows, delivered_at, self._time.timezone)

    def _repeated(self, was: "pd.DataFrame", now: "pd.DataFrame", held: float) -> Finding | None:
        """By the features; where those are alike by themselves, by the time, too."""
        before = content(was, self._names)
        found = repeated_rows(content(now, self._names), before, self.level, held)
        if found or with_a_twin(before) < _ALIKE * len(before):
            return found
        names = (*self._names, EVENT_TIME)
        return repeated_rows(content(now, names), content(was, names), self.level, held)

    def _times(self, was: "pd.DataFrame", now: "pd.DataFrame", delivered_at: datetime, zone: str) -> Iterator[Finding]:
        """By the local clock: hours of the day and days of the month are those of people."""
        import pandas as pd

        until = pd.Series([pd.Timestamp(delivered_at)])
        sides = [side.dt.tz_convert(zone).dt.tz_localize(None).dt.tz_localize("UTC") for side in (
            was[EVENT_TIME], was[INGESTED].dt.tz_convert("UTC"), now[EVENT_TIME], until)]  # fmt: skip
        before, delivered, times, end = (microseconds(side) for side in sides)
        no_date = placeholder_times(before, times, self.level)
        if no_date:
            yield no_date
        else:
            yield from _some(
                day_and_month(before, delivered, times, int(end[0]))
                or another_clock(before, delivered, times, int(end[0]), self.level)
            )

    def habits(self, past: Past) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The kinds of findings, with their columns, that accepted deliveries show against those before them."""
        order = past.rows.groupby(BATCH)[INGESTED].max().sort_values(kind="stable").index
        for place in range(max(1, len(order) - _HABITS), len(order)):
            inside, before = past.rows[BATCH] == order[place], past.rows[BATCH].isin(order[:place])
            rows = past.rows[inside]
            if min(int(before.sum()), len(rows)) >= LEAST:
                delivered_at = rows[INGESTED].iloc[0].to_pydatetime()
                for finding in self.broken(past.rows[before], rows, delivered_at, past.sizes, past.held):
                    yield finding.kind, finding.columns
