"""Targets and late labels: missing, of one class, of a class that nobody declared, infinite, known in the future."""

from collections.abc import Iterator

from tests.corpus.case import CANARY, NULLS, UNIQUE, Case, cells, column, lines, rows, sheet, with_column

NUMBER = with_column("late", type="number")
WHOLE = with_column("late", type="integer")
TRUTH = with_column("late", type="boolean")
_NULLS = f"{NULLS}:late"


def labels(*told: str) -> bytes:
    """A labels delivery with these labels, one a row."""
    good = rows(len(told))
    return lines(
        "parcel,late,at", *(f"{row['parcel']},{label},{row['at']}" for row, label in zip(good, told, strict=True))
    )


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    five = [1.0, 0.0] * 5
    yield Case("two classes", column("late", "yes", "no"), typed={"label": five})
    yield Case("all missing", column("late", ""), refused=_NULLS)
    yield Case("some missing", column("late", "yes", "no", ""), typed={"label": [1.0, 0.0] * 3 + [1.0]})
    yield Case("one class only", column("late", "no"), typed={"label": [0.0] * 10})
    yield Case("a third class", cells({4: {"late": "maybe"}}), refused="batch:classes", secrets=("maybe",))
    yield Case(
        "a third class, the others declared",
        cells({4: {"late": "maybe"}}),
        negatives=("no",),
        rows={4: "class:late"},
        secrets=("maybe",),
    )
    yield Case(
        "three classes, as declared",
        column("late", "yes", "no", "never"),
        negatives=("no", "never"),
        typed={"label": [1.0, 0.0, 0.0] * 3 + [1.0]},
    )
    yield Case("the class in other letters", cells({4: {"late": "YES"}}), refused="batch:classes")
    yield Case(
        "the class in other letters, declared", cells({4: {"late": "YES"}}), negatives=("no",), rows={4: "class:late"}
    )
    yield Case("a word for nothing", cells({4: {"late": "unknown"}}), negatives=("no",), rows={4: "class:late"})
    yield Case("numbers as classes", column("late", "1", "0"), columns=WHOLE, positive="1", typed={"label": five})
    yield Case(
        "a third number",
        cells({n: {"late": str(n % 2 + (n == 4) * 7)} for n in range(10)}),
        columns=WHOLE,
        positive="1",
        refused="batch:classes",
    )
    yield Case(
        "truth values as classes", column("late", "true", "f"), columns=TRUTH, positive="yes", typed={"label": five}
    )
    yield Case(
        "neither true nor false",
        cells({n: {"late": "perhaps" if n == 4 else "yes"} for n in range(10)}),
        columns=TRUTH,
        rows={4: "type:late"},
    )
    for text in ("inf", "1e999", "nan", "12,5"):
        told = cells({n: {"late": text if n == 4 else str(n)} for n in range(10)})
        yield Case(f"a number to predict: {text}", told, columns=NUMBER, positive=None, rows={4: "type:late"})
    yield from _late()


def _late() -> Iterator[Case]:
    yield Case("labels", labels("yes", "no", "no"), kind="labels", typed={"label": [1.0, 0.0, 0.0]})
    yield Case(
        "labels all missing",
        labels("", "", ""),
        kind="labels",
        refused=_NULLS,
        rows=dict.fromkeys(range(3), "required:late"),
    )
    yield Case("labels of a third class", labels("yes", "no", "maybe"), kind="labels", refused="batch:classes")
    yield Case(
        "labels of a third class, the others declared",
        labels("yes", "no", "maybe"),
        kind="labels",
        negatives=("no",),
        rows={2: "class:late"},
    )
    yield Case("labels infinite", labels("1", "2", "inf"), kind="labels", positive=None, rows={2: "type:late"})
    yield Case(
        "labels without an id",
        labels("yes", "no").replace(f"{CANARY}01".encode(), b""),
        kind="labels",
        rows={1: "required:parcel"},
    )
    yield Case(
        "labels with an id twice",
        labels("yes", "no", "no").replace(b"7702", b"7701"),
        kind="labels",
        rows=dict.fromkeys((1, 2), "ExpectColumnValuesToBeUnique:parcel"),
    )
    yield Case(
        "labels known in the future",
        labels("yes", "no").replace(b"2025-01-02", b"2035-01-02"),
        kind="labels",
        rows={1: "known_at:future"},
    )
    yield Case(
        "labels known before there was a clock",
        labels("yes", "no").replace(b"2025-01-02", b"1970-01-02"),
        kind="labels",
        rows={1: "known_at:too early"},
    )
    yield Case(
        "labels without a time",
        labels("yes", "no").replace(b"2025-01-02T12:00:00Z", b""),
        kind="labels",
        rows={1: "required:at"},
    )
    yield Case("labels without their column", sheet(rows(), ["parcel", "at"]), kind="labels", refused="batch:columns")
    yield Case("labels empty", b"", kind="labels", refused="batch:empty")
    yield Case(
        "labels of no rows",
        labels(),
        kind="labels",
        refused=", ".join(
            ["batch:ExpectTableRowCountToBeBetween", *(f"{NULLS}:{name}" for name in ("parcel", "late", "at")), UNIQUE]
        ),
        delivered=0,
    )
    yield Case(
        "labels with a short row",
        lines("parcel,late,at", "q1,yes,2025-01-01", "q2,no"),
        kind="labels",
        rows={1: "short:at"},
    )
