"""Times: no zone, hours that do not exist or exist twice, another order, unit or century, the future."""

from collections.abc import Iterator
from datetime import UTC, datetime

from tests.corpus.case import Case, Row, cells, rows, sheet, with_column

BERLIN = with_column("at", timezone="Europe/Berlin")
_NONE = "event_time:missing; type:at"
_BAD = (
    ("a zone by its letters", "2025-01-05 12:00 CET"),
    ("month before day", "01/05/2025"),
    ("day before month", "05.01.2025"),
    ("two digits of a year", "25-01-05"),
    ("a year alone", "2025"),
    ("a year and a month", "2025-01"),
    ("year 1", "0001-01-01T00:00:00Z"),
    ("year 9999", "9999-12-31T23:59:59Z"),
    ("year 0", "0000-00-00"),
    ("29 February of no leap year", "2025-02-29T00:00:00Z"),
    ("31 April", "2024-04-31"),
    ("month 13", "2024-13-01"),
    ("a leap second", "2016-12-31T23:59:60Z"),
    ("24 o'clock", "2025-01-05T24:00:00Z"),
    ("25 o'clock", "2025-01-05T25:00:00Z"),
    ("a serial number of Excel", "45662"),
    ("seconds since 1970", "1736078400"),
    ("milliseconds since 1970", "1736078400000"),
    ("a week", "2025-W01-5"),
    ("a day of the year", "2025-005"),
    ("words", "yesterday"),
    ("the clock: now", "now"),
    ("the clock: Today", "Today"),
    ("NaT", "NaT"),
    ("an offset of 99 hours", "2025-01-05T12:00:00+99:00"),
    ("a month's name", "5 Jan 2025"),
    ("a decimal comma", "2025-01-05T12:00:00,5"),
    ("a time without a date", "12:00:00"),
    ("a formula", "=TODAY()"),
)


def at(number: int) -> datetime:
    """When the good row of that number happened."""
    return datetime(2025, 1, 1 + number, 12, tzinfo=UTC)


def timed(text: str, changed: datetime) -> dict[str, list[datetime]]:
    """Event times of the good rows, that of row 4 another one."""
    return {"_event_time": [changed if n == 4 else at(n) for n in range(10)]}


def written(form: str) -> list[Row]:
    """Good rows, their times in another form."""
    return [row | {"at": at(n).strftime(form)} for n, row in enumerate(rows())]


def epochs(factor: int) -> bytes:
    """Good rows, their times as a count since 1970."""
    return sheet([row | {"at": str(int(at(n).timestamp() * factor))} for n, row in enumerate(rows())])


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    for name, text in _BAD:
        yield Case(name, cells({4: {"at": text}}), rows={4: _NONE})
    for name, text, hour in (
        ("without a zone", "2025-01-05 12:00:00", 12), ("with another offset", "2025-01-05T12:00:00+02:00", 10),
        ("short offset", "2025-01-05T12:00:00-0530", 17), ("a date alone", "2025-01-05", 0),
        ("with slashes, the year first", "2025/01/05 12:00", 12), ("packed", "20250105T120000Z", 12),
    ):  # fmt: skip
        minute = 30 if "0530" in text else 0
        yield Case(name, cells({4: {"at": text}}), typed=timed(text, datetime(2025, 1, 5, hour, minute, tzinfo=UTC)))
    yield Case(
        "29 February of a leap year",
        cells({4: {"at": "2024-02-29T01:00:00Z"}}),
        typed=timed("", datetime(2024, 2, 29, 1, tzinfo=UTC)),
    )
    yield Case(
        "no zone, Berlin as declared",
        cells({4: {"at": "2024-07-05 12:00"}}),
        columns=BERLIN,
        typed=timed("", datetime(2024, 7, 5, 10, tzinfo=UTC)),
    )
    yield Case("an hour that does not exist", cells({4: {"at": "2024-03-31 02:30"}}), columns=BERLIN, rows={4: _NONE})
    yield Case("an hour that exists twice", cells({4: {"at": "2024-10-27 02:30"}}), columns=BERLIN, rows={4: _NONE})
    yield Case(
        "an hour that exists twice, with its offset",
        cells({4: {"at": "2024-10-27T02:30+01:00"}}),
        columns=BERLIN,
        typed=timed("", datetime(2024, 10, 27, 1, 30, tzinfo=UTC)),
    )
    yield Case(
        "day first, as declared",
        sheet(written("%d.%m.%Y")),
        columns=with_column("at", format="%d.%m.%Y"),
        typed={"_event_time": [at(n).replace(hour=0) for n in range(10)]},
    )
    yield Case(
        "month first where day first is declared",
        sheet([row | {"at": f"01/{8 + n:02d}/2025"} for n, row in enumerate(rows())]),
        columns=with_column("at", format="%d/%m/%Y"),
        refused="batch:max_quarantined_share",
        rows={n: "event_time:future" if n < 5 else _NONE for n in range(10)},
    )
    yield Case(
        "seconds, as declared",
        epochs(1),
        columns=with_column("at", format="epoch_seconds"),
        typed={"_event_time": [at(n) for n in range(10)]},
    )
    yield Case(
        "milliseconds where seconds are declared",
        epochs(1000),
        columns=with_column("at", format="epoch_seconds"),
        refused="batch:ExpectColumnProportionOfNonNullValuesToBeBetween:at, batch:max_quarantined_share",
        rows=dict.fromkeys(range(10), _NONE),
    )
    yield Case(
        "seconds where milliseconds are declared",
        epochs(1),
        columns=with_column("at", format="epoch_milliseconds"),
        refused="batch:max_quarantined_share",
        rows=dict.fromkeys(range(10), "event_time:too early"),
    )
    yield Case(
        "nanoseconds where milliseconds are declared",
        epochs(10**9),
        columns=with_column("at", format="epoch_milliseconds"),
        refused="batch:ExpectColumnProportionOfNonNullValuesToBeBetween:at, batch:max_quarantined_share",
        rows=dict.fromkeys(range(10), _NONE),
    )
    yield Case(
        "the beginning of 1970 for nothing",
        cells({4: {"at": "1970-01-01T00:00:00Z"}}),
        rows={4: "event_time:too early"},
    )
    yield Case(
        "old times, as declared",
        cells({4: {"at": "1955-05-05T00:00:00Z"}}),
        columns=with_column("at", earliest="1950-01-01T00:00:00Z"),
        typed=timed("", datetime(1955, 5, 5, tzinfo=UTC)),
    )
    yield Case("1900", cells({4: {"at": "1900-01-01"}}), rows={4: "event_time:too early"})
    yield Case("in ten years", cells({4: {"at": "2035-01-05T12:00:00Z"}}), rows={4: "event_time:future"})
    yield Case("in two days", cells({4: {"at": "2025-02-03T00:00:00Z"}}), rows={4: "event_time:future"})
    yield Case(
        "in an hour: a clock that is fast",
        cells({4: {"at": "2025-02-01T01:00:00Z"}}),
        typed=timed("", datetime(2025, 2, 1, 1, tzinfo=UTC)),
    )
    yield Case(
        "planned, as declared",
        cells({4: {"at": "2025-06-01T00:00:00Z"}}),
        columns=with_column("at", ahead="365d"),
        typed=timed("", datetime(2025, 6, 1, tzinfo=UTC)),
    )
    yield Case("no time", cells({4: {"at": ""}}), rows={4: "event_time:missing; required:at"})
