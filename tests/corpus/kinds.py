"""Types: numbers, truth values, texts and ids that are written as something else, or that readers like to guess."""

from collections.abc import Iterator

from tests.corpus.case import CANARY, Case, cells, column, rows, sheet, with_column

_PIECES = {"weight": "type:weight", "pieces": "type:pieces", "fragile": "type:fragile"}
_BAD = (
    ("not finite: 1e400", "weight", "1e400"),
    ("not finite: inf", "weight", "inf"),
    ("not finite: -Infinity", "weight", "-Infinity"),
    ("not a number: nan", "weight", "nan"),
    ("hexadecimal", "pieces", "0x1F"),
    ("hexadecimal float", "weight", "0x1p3"),
    ("octal", "pieces", "0o17"),
    ("percent", "weight", "12%"),
    ("currency before", "weight", "$12"),
    ("currency after", "weight", "12 €"),
    ("with its unit", "weight", "12kg"),
    ("in brackets for minus", "weight", "(12.5)"),
    ("minus behind", "weight", "12-"),
    ("digits of another script", "pieces", "\u0661\u0662"),
    ("full width digits", "pieces", "\uff11\uff12"),
    ("a typographic minus", "weight", "\u221212"),
    ("a fraction", "weight", "½"),
    ("a superscript", "pieces", "1²"),
    ("a fraction where whole numbers are declared", "pieces", "3.0"),
    ("an exponent in a whole number", "pieces", "1e3"),
    ("nineteen digits", "pieces", "9" * 19),
    ("NULL", "weight", "NULL"),
    ("NA", "weight", "NA"),
    ("None", "pieces", "None"),
    ("#N/A", "weight", "#N/A"),
    ("a dash for nothing", "weight", "-"),
    ("a point for nothing", "weight", "."),
    ("a question mark for nothing", "weight", "?"),
    ("a word for true in another language", "fragile", "ja"),
    ("two as a truth value", "fragile", "2"),
    ("1.0 as a truth value", "fragile", "1.0"),
    ("a number in words", "pieces", "three"),
    ("a range", "weight", "1-2"),
    ("a sum", "weight", "1+2"),
    ("two signs", "weight", "--1"),
    ("two points", "weight", "1.2.3"),
)


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    for name, where, text in _BAD:
        yield Case(name, cells({4: {where: text}}), rows={4: _PIECES[where]})
    zeros = [row | {"parcel": f"000{n}"} for n, row in enumerate(rows())]
    yield Case("ids with leading zeros", sheet(zeros), typed={"parcel": [f"000{n}" for n in range(10)]})
    yield Case(
        "ids of forty digits",
        sheet([row | {"parcel": "9" * 39 + str(n)} for n, row in enumerate(rows())]),
        typed={"parcel": ["9" * 39 + str(n) for n in range(10)]},
    )
    yield Case(
        "ids like floats",
        sheet([row | {"parcel": f"1e{n}"} for n, row in enumerate(rows())]),
        typed={"parcel": [f"1e{n}" for n in range(10)]},
    )
    yield Case(
        "ids that differ by their zeros only, as numbers",
        sheet([row | {"parcel": "0" * n + "7"} for n, row in enumerate(rows(2))]),
        columns=with_column("parcel", type="integer"),
        share=1.0,
        rows=dict.fromkeys(range(2), "ExpectColumnValuesToBeUnique:parcel"),
    )
    yield Case(
        "an id twice",
        cells({4: {"parcel": f"{CANARY}03"}}),
        rows=dict.fromkeys((3, 4), "ExpectColumnValuesToBeUnique:parcel"),
    )
    yield Case(
        "an id twice but for blanks",
        cells({4: {"parcel": f" {CANARY}03 "}}),
        rows=dict.fromkeys((3, 4), "ExpectColumnValuesToBeUnique:parcel"),
    )
    yield Case("no id", cells({4: {"parcel": ""}}), rows={4: "required:parcel"})
    yield Case(
        "whole numbers above 2**53",
        cells({4: {"pieces": str(2**53 + 1)}}),
        typed={"pieces": [1, 2, 3, 4, 2**53 + 1, 6, 7, 8, 9, 10]},
    )
    yield Case(
        "categories that look like gaps",
        column("zone", "NA", "null", "None", "nan", "N/A"),
        typed={"zone": ["NA", "null", "None", "nan", "N/A"] * 2},
    )
    yield Case("categories that look like numbers", column("zone", "007", "1.10"), typed={"zone": ["007", "1.10"] * 5})
    yield Case(
        "categories that look like truth values", column("zone", "True", "no"), typed={"zone": ["True", "no"] * 5}
    )
    yield Case(
        "truth values in words",
        column("fragile", "Yes", "NO", "t", "F", "1"),
        typed={"fragile": [True, False, True, False, True] * 2},
    )
    yield Case(
        "gaps among whole numbers", cells({4: {"pieces": ""}}), typed={"pieces": [1, 2, 3, 4, None, 6, 7, 8, 9, 10]}
    )
    yield Case(
        "gaps as declared",
        cells({4: {"weight": "-999"}}),
        columns=with_column("weight", missing=("", "-999")),
        typed={"weight": [0.5, 1.5, 2.5, 3.5, None, 5.5, 6.5, 7.5, 8.5, 9.5]},
    )
    yield Case(
        "blanks around",
        cells({4: {"weight": " 4.5\t", "pieces": "\u00a05 ", "zone": " a "}}),
        typed={"weight": [n + 0.5 for n in range(10)], "zone": ["a", "b"] * 5},
    )
    yield Case(
        "seventeen digits",
        cells({4: {"weight": "0.30000000000000004"}}),
        typed={"weight": [0.5, 1.5, 2.5, 3.5, 0.30000000000000004, 5.5, 6.5, 7.5, 8.5, 9.5]},
    )
    yield Case(
        "a column in words",
        column("weight", "heavy"),
        refused="batch:ExpectColumnProportionOfNonNullValuesToBeBetween:weight, batch:max_quarantined_share",
        rows=dict.fromkeys(range(10), "type:weight"),
    )
