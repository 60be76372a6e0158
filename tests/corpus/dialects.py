"""CSV as other programs write it: separators, quotes, line ends, comments, totals, rows too short or too long."""

from collections.abc import Iterator

from tests.corpus.case import CANARY, GOOD, LINES, NULLS, Case, cells, lines, rows, sheet, with_column

TEXTS = tuple(c for c in with_column("parcel") if c.name in {"parcel", "zone"})


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    head, *body = LINES
    yield Case("another separator", GOOD.replace(b",", b";"), refused="batch:columns")
    yield Case("tabs", GOOD.replace(b",", b"\t"), refused="batch:columns")
    yield Case(
        "semicolons, as declared",
        GOOD.replace(b",", b";"),
        source={"separator": ";"},
        typed={"weight": [n + 0.5 for n in range(10)]},
    )
    yield Case(
        "decimal commas",
        sheet([row | {"weight": row["weight"].replace(".", ",")} for row in rows()], delimiter=";"),
        source={"separator": ";"},
        refused=f"{NULLS}:weight, batch:max_quarantined_share",
        rows=dict.fromkeys(range(10), "type:weight"),
    )
    yield Case("one decimal comma", cells({4: {"weight": "4,5"}}), rows={4: "type:weight"})
    yield Case("thousands separators", cells({4: {"weight": "1,234.5"}}), rows={4: "type:weight"})
    yield Case("thousands apart by a space", cells({4: {"weight": "1 234.5"}}), rows={4: "type:weight"})
    yield Case("thousands apart by an underscore", cells({4: {"pieces": "1_234"}}), rows={4: "type:pieces"})
    yield Case("an unbalanced quote", lines(head, body[0].replace(",a,", ',"a,'), *body[1:]), refused="batch:quotes")
    yield Case("text after a quote", lines(head, body[0].replace(",a,", ',"a"x,')), refused="batch:quotes")
    yield Case(
        "a quote inside a field",
        cells({4: {"zone": 'a "b" c'}}),
        typed={"zone": ["a", "b", "a", "b", 'a "b" c', "b", "a", "b", "a", "b"]},
    )
    yield Case(
        "line breaks inside quotes",
        cells({4: {"zone": "a\nb\r\nc"}}),
        typed={"zone": ["a", "b", "a", "b", "a\nb\r\nc", "b", "a", "b", "a", "b"]},
    )
    yield Case("Windows line ends", GOOD.replace(b"\n", b"\r\n"), typed={"zone": ["a", "b"] * 5})
    yield Case("old Macintosh line ends", GOOD.replace(b"\n", b"\r"), typed={"zone": ["a", "b"] * 5})
    yield Case(
        "the header again in the middle",
        lines(head, *body[:5], head, *body[5:]),
        rows={5: "event_time:missing; row:header; type:at; type:fragile; type:pieces; type:weight"},
        delivered=11,
    )
    yield Case(
        "the header again among texts",
        b"parcel,zone\nq1,a\nparcel,zone\nq2,b\nq3,a\n",
        columns=TEXTS,
        share=0.5,
        rows={1: "row:header"},
        typed={"zone": ["a", "b", "a"]},
    )
    yield Case(
        "a total at the end",
        lines(head, *body, "Total,,50,55,,,"),
        rows={10: "event_time:missing; required:at"},
        delivered=11,
    )
    yield Case(
        "a line of words at the end",
        lines(head, *body, "10 rows"),
        delivered=11,
        rows={10: "event_time:missing; short:at; short:fragile; short:late; short:pieces; short:weight; short:zone"},
    )
    yield Case("comments above the header", lines("# exported 2025", *LINES), refused="batch:fields")
    yield Case(
        "a comment in the middle",
        lines(head, *body[:5], "# later", *body[5:]),
        delivered=11,
        rows={5: "event_time:missing; short:at; short:fragile; short:late; short:pieces; short:weight; short:zone"},
    )
    yield Case("blank lines above the header", b"\n\n" + GOOD, refused="batch:header")
    yield Case("blank lines in the middle", lines(head, *body[:5], "", *body[5:]), typed={"zone": ["a", "b"] * 5})
    yield Case("a line of blanks", lines(head, *body[:5], "   ", *body[5:]), refused="batch:count")
    yield Case(
        "a line of separators",
        lines(head, *body, ",,,,,,"),
        rows={10: "event_time:missing; required:at; required:parcel; row:no fields"},
        delivered=11,
    )
    yield Case(
        "a separator at every line's end", lines(*(line + "," for line in LINES)), typed={"zone": ["a", "b"] * 5}
    )
    yield Case("a separator at every row's end", lines(head, *(line + "," for line in body)), refused="batch:fields")
    yield Case("a long row", lines(head, *body[:5], body[5] + ",x", *body[6:]), refused="batch:fields")
    yield Case("a short row", lines(head, *body[:5], body[5].rsplit(",", 1)[0], *body[6:]), rows={5: "short:late"})
    yield Case(
        "a row of two shifted by one",
        lines(head, body[0].replace(f"{CANARY}00,", ""), *body[1:]),
        rows={0: "event_time:missing; short:late; type:at; type:pieces"},
    )
    yield Case("no header", lines(*body), refused="batch:columns")
    yield Case("apostrophes as quotes", cells({4: {"weight": "'4.5'"}}), rows={4: "type:weight"})
    yield Case("backslash before a quote", lines(head, body[0].replace(",a,", ',"a\\"b",')), refused="batch:quotes")
