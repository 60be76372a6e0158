"""Held against what came earlier: rows that came before, columns that changed, and what the sentinel names."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from tasks.core.columns import Column
from tests.corpus.case import CANARY, COLUMNS, GOOD, NAMES, NULLS, Case, cells, lines, rows, sheet
from tests.tasks import test_watching as watched

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOTE = [*NAMES, "note"]
NOTED = (sheet([row | {"note": "late in the day"} for row in rows()], NOTE),)
NUMBERED = (sheet([row | {"note": str(n)} for n, row in enumerate(rows())], NOTE),)
PAST = (GOOD,)
WEATHER = {"name": "weather", "key": {"zone": "place"}, "time": {"name": "measured_at"}, "missing": "quarantine"}
RAIN = Column(name="rain", role="feature", type="number", join="weather", required=True)
RAINY = (lines("place,measured_at,rain", "a,2024-12-31T00:00:00Z,1.5", "b,2024-12-31T00:00:00Z,2.5"),)


def later(count: int = 10, note: str | None = None) -> list[dict[str, str]]:
    """Good rows that came in no earlier delivery."""
    told = [row | {"parcel": f"{CANARY}-later-{n}", "weight": f"{n + 0.25}"} for n, row in enumerate(rows(10) * 10)]
    return [row | ({} if note is None else {"note": note}) for row in told[:count]]


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    again = [rows()[0], *later()[1:]]
    yield Case("one row that came before", sheet(again), before=PAST, rows={0: "row_id:already accepted"})
    yield Case(
        "all rows came before",
        sheet([row | {"pieces": "7"} for row in rows()]),
        before=PAST,
        rows=dict.fromkeys(range(10), "row_id:already accepted"),
        refused="batch:max_quarantined_share",
    )
    yield Case(
        "one row that came before, corrected",
        sheet(again),
        before=PAST,
        suite={"corrections": "by_id"},
        typed={"weight": [0.5, *(n + 0.25 for n in range(1, 10))]},
    )
    yield Case(
        "rows to the letter as earlier ones of the delivery",
        sheet([*rows(), rows()[3], rows()[7]]),
        suite={"repeats": "set_aside"},
        rows=dict.fromkeys((10, 11), "row:repeated"),
    )
    both = tuple(c.model_copy(update={"role": "id"}) if c.name == "zone" else c for c in COLUMNS)
    yield Case(
        "two ids that only together tell rows apart",
        cells({4: {"parcel": f"{CANARY}02"}, 6: {"parcel": f"{CANARY}05"}}),
        columns=both,
        rows=dict.fromkeys((2, 4), "ExpectCompoundColumnsToBeUnique"),
    )
    yield from _changed()
    yield from _joined()
    yield from _watched()


def _changed() -> Iterator[Case]:
    def case(name: str, kind: str, content: bytes, before: tuple[bytes, ...]) -> Case:
        return Case(name, content, before=before, suite={"refuse_changes": (kind,)}, refused=f"batch:schema-{kind}")

    yield case("a column that never came", "new", sheet(later(note="x"), NOTE), PAST)
    yield case("a column that came no more", "lost", sheet(later()), NOTED)
    yield case(
        "a column under another name", "renamed", sheet(later(note="x"), NOTE).replace(b"note", b"notes", 1), NOTED
    )
    yield case("texts where numbers were", "widened", sheet(later(note="late in the day"), NOTE), NUMBERED)
    yield case("numbers where texts were", "narrowed", sheet(later(100, note="5"), NOTE), NOTED)
    yield Case(
        "a column that never came, where that is no reason",
        sheet(later(note="x"), NOTE),
        before=PAST,
        typed={"weight": [n + 0.25 for n in range(10)]},
    )


def _joined() -> Iterator[Case]:
    columns = (*COLUMNS, RAIN)
    yield Case(
        "rows with what another source brings",
        GOOD,
        columns=columns,
        join=WEATHER,
        joined=RAINY,
        typed={"rain": [1.5, 2.5] * 5},
    )
    yield Case(
        "a row of which the other source knows nothing",
        cells({4: {"zone": "c"}}),
        columns=columns,
        join=WEATHER,
        joined=RAINY,
        rows={4: "join:weather; required:rain"},
    )
    yield Case(
        "the other source brought nothing",
        GOOD,
        columns=columns,
        join=WEATHER,
        rows=dict.fromkeys(range(10), "join:weather; required:rain"),
        refused=f"{NULLS}:rain, batch:max_quarantined_share",
    )


MORE = {
    "placeholder: a word": lambda f, _: f.assign(plan=f["plan"].where(f.index % 10 > 0, "N/A")),
    "placeholder: a number for nulls": lambda f, _: f.assign(satisfaction=f["satisfaction"].fillna(3.3)),
    "placeholder: a number far away": lambda f, _: f.assign(age=f["age"].where(f.index % 12 > 0, 250.0)),
    "placeholder: a number among few": lambda f, _: f.assign(visits=f["visits"].where(f.index % 12 > 0, -1.0)),
    "placeholder: a date": lambda f, _: f.assign(at=f["at"].where(f.index % 12 > 0, EPOCH)),
    "time zone: earlier hours": lambda f, _: f.assign(at=f["at"] - timedelta(hours=5)),
    "time zone: in the future": lambda f, _: f,
    "ids reset: on other rows": lambda f, past: f.assign(id=past[2]["id"].to_numpy()),
    "repeated rows: in the delivery": lambda f, _: watched.new_ids(f.loc[f.index % 150].set_index(f.index)),
}
"""What the sentinel knows by other signs than those of `watched.BROKEN`."""


@cache
def _world() -> tuple[tuple[bytes, ...], dict[str, bytes]]:
    """Six deliveries of an unchanged source, and the seventh in every way in which the sentinel knows it broken."""
    rng = np.random.default_rng(0)
    past = [watched.delivery(number, rng) for number in range(watched.PAST)]
    whole = watched.delivery(watched.PAST, rng)
    told = {kind: _text(change(whole, past)) for kind, change in (watched.BROKEN | MORE).items()}
    return tuple(_text(frame) for frame in past), told | {"": _text(whole)}


def _text(frame: "watched.pd.DataFrame") -> bytes:
    return watched.as_text(frame).to_csv(index=False).encode()


def _watched() -> Iterator[Case]:
    past, told = _world()
    # Times that no rule of single rows refuses: the sentinel has to see them.
    free = {"ahead": timedelta(days=365), "earliest": EPOCH}
    columns = tuple(c.model_copy(update=free) if c.role == "time" else c for c in watched.COLUMNS)
    as_of = (watched.START + (watched.PAST + 1) * watched.DAYS * timedelta(days=1)).to_pydatetime()
    for kind, content in told.items():
        yield Case(
            f"the sentinel: {kind or 'nothing'}",
            content,
            columns=columns,
            positive=None,
            before=past,
            every=timedelta(days=watched.DAYS),
            as_of=as_of - timedelta(hours=8 if "future" in kind else 0),
            sentinel="refuse",
            refused=f"batch:sentinel:{kind.partition(':')[0]}" if kind else "",
            rows=dict.fromkeys(range(watched.ROWS), "row_id:already accepted") if "other rows" in kind else {},
            share=1.0,
            typed={} if kind else {"label": [float(line.rsplit(b",", 1)[1]) for line in content.splitlines()[1:]]},
        )
