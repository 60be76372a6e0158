"""Columns: renamed, missing, added, moved, named twice, written otherwise, or swapped with another of the same type."""

from collections.abc import Iterator

from tasks.adapters.expectations import Expectation
from tests.corpus.case import COLUMNS, GOOD, NAMES, Case, rows, sheet, with_column

_ORDER = Expectation(
    expect="ExpectColumnPairValuesAToBeGreaterThanB", arguments={"column_A": "pieces", "column_B": "weight"}
)
_IN_SET = Expectation(expect="ExpectColumnValuesToBeInSet", arguments={"column": "zone", "value_set": ["a", "b"]})
_WRONG = Expectation(expect="ExpectColumnValuesToBeRound", arguments={"column": "zone"})
_LACKING = Expectation(expect="ExpectColumnValuesToBeInSet", arguments={"column": "nothing", "value_set": ["a"]})
_BAD_ARGUMENTS = Expectation(expect="ExpectColumnValuesToBeBetween", arguments={"column": "weight", "least": 1})


def renamed(before: str, after: str) -> bytes:
    """Good rows with one column called otherwise."""
    return GOOD.replace(before.encode(), after.encode(), 1)


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    good = rows()
    yield Case("good", GOOD, typed={"weight": [n + 0.5 for n in range(10)], "label": [1.0, 0.0] * 5})
    yield Case("a column renamed", renamed("weight", "mass"), refused="batch:columns")
    yield Case("a column missing", sheet(good, [n for n in NAMES if n != "zone"]), refused="batch:columns")
    yield Case("the id missing", sheet(good, NAMES[1:]), refused="batch:columns")
    yield Case("the target missing", sheet(good, NAMES[:-1]), refused="batch:columns")
    yield Case("all columns missing", b"x,y\n1,2\n", refused="batch:columns")
    yield Case("a column in other letters", renamed("weight", "Weight"), refused="batch:columns")
    yield Case("a blank before a name", renamed("weight", " weight"), refused="batch:columns")
    yield Case("a name with a twin letter", renamed("weight", "we\u0456ght"), refused="batch:columns")
    yield Case("a name with a zero-width blank", renamed("weight", "wei\u200bght"), refused="batch:columns")
    yield Case("a name in quotes", renamed("weight", '"weight"'), typed={"weight": [n + 0.5 for n in range(10)]})
    yield Case("columns in another order", sheet(good, NAMES[::-1]), typed={"weight": [n + 0.5 for n in range(10)]})
    yield Case(
        "a column more",
        sheet([row | {"note": "x"} for row in good], [*NAMES, "note"]),
        typed={"weight": [n + 0.5 for n in range(10)]},
    )
    yield Case(
        "a column of our own name",
        sheet([row | {"_row_id": "x"} for row in good], [*NAMES, "_row_id"]),
        typed={"weight": [n + 0.5 for n in range(10)]},
    )
    yield Case("a name twice", renamed("pieces", "weight"), refused="batch:header")
    yield Case("a column without a name", renamed("pieces", ""), refused="batch:columns")
    yield Case("two columns more without a name", sheet(good, [*NAMES, "", ""]), refused="batch:header")
    yield Case(
        "a saved index",
        GOOD.replace(b"\n", b"\n0,")[:-2].replace(b"parcel", b",parcel", 1),
        typed={"zone": ["a", "b"] * 5},
    )
    yield Case(
        "two columns of different types swapped",
        sheet([row | {"pieces": row["zone"], "zone": row["pieces"]} for row in good]),
        rows=dict.fromkeys(range(10), "type:pieces"),
        refused="batch:ExpectColumnProportionOfNonNullValuesToBeBetween:pieces, batch:max_quarantined_share",
    )
    yield Case(
        "two columns of one type swapped",
        sheet(
            [
                row | {"pieces": row["pieces"], "weight": str(float(row["weight"]) + 2 * (n > 7))}
                for n, row in enumerate(good)
            ]
        ),
        rules=[_ORDER],
        rows=dict.fromkeys((8, 9), _ORDER.rule),
    )
    yield Case(
        "values of a neighbour",
        sheet([row | {"zone": ["a", "yes"][n == 4]} for n, row in enumerate(good)]),
        rules=[_IN_SET],
        rows={4: _IN_SET.rule},
    )
    yield Case("a rule that does not exist", GOOD, rules=[_WRONG], refused=f"batch:{_WRONG.rule}")
    yield Case("a rule on a column that is not there", GOOD, rules=[_LACKING], refused=f"batch:{_LACKING.rule}")
    yield Case("a rule with a wrong argument", GOOD, rules=[_BAD_ARGUMENTS], refused=f"batch:{_BAD_ARGUMENTS.rule}")
    yield Case(
        "a whole number column of texts, ignored",
        sheet([row | {"pieces": "many"} for row in good]),
        columns=[c for c in COLUMNS if c.name != "pieces"] + list(with_column("pieces", role="ignore"))[3:4],
        typed={"zone": ["a", "b"] * 5},
    )
