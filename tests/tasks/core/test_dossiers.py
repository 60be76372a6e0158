"""Pages stay readable and harmless whatever stands in a reason, a file name or a column name."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.core import dossiers, markdown
from tasks.core.results import Check, Decision, Verdict, Window

NOW = datetime(2024, 5, 1, tzinfo=UTC)
NASTY = st.text(alphabet=st.sampled_from("ab|\\\n\r\u2028<>![]()` *_#&;:/"), max_size=30)
SCRIPT = "<script>alert(1)</script> | ![x](http://evil/x) \\| a\r\nb\\"


def decision(kind, outcome, reason, evidence):
    window = Window(NOW - timedelta(days=31), NOW)
    return Decision("k", "p", kind, Verdict.FAIL, outcome, reason, NOW, window, evidence)


def checks(text):
    numbers = {"distance": 0.5, "threshold": 0.1}
    return [Check(text, verdict, text, numbers) for verdict in Verdict]


def pages(text):
    """Every page, with the text wherever text from outside can stand."""
    batch = {"name": text, "kind": "events", "delivered": 5, "accepted": 3, "quarantined": 2, "rules": {text: 2}}
    refused = decision("ingestion", "quarantined", text, batch)
    duel = Check("beats_champion", Verdict.FAIL, text, {"rows": 10, "answer": text, "difference": 0.1, "low": None})
    judged = decision("promotion", "refused", text, {"version": 2, "replaces": 1})
    seen = decision("monitoring", "alerted", text, {"version": 2})
    return [
        dossiers.ingestion_page("p", [refused], [text], [text], {text: text}),
        dossiers.training_page(
            "p", text, {"fact": text}, [(text, 0.5, 1.0, text)], f"refused: {text}", {"a": "http://b"}
        ),
        dossiers.promotion_page(judged, [*checks(text), duel], {}),
        dossiers.scoring_page(decision("scoring", "scored", text, {"batches": {text: 5}})),
        dossiers.monitoring_page(seen, checks(text), checks(text), {}),
        dossiers.reconciliation_page("p", [text], [text], checks(text)),
    ]


def cells(line):
    """How a reader of GitHub's markdown splits a row: a bar counts unless an odd number of backslashes precedes it."""
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1


@settings(max_examples=150, deadline=None)
@given(NASTY)
@example(SCRIPT)
@example("\\|")
@example("a\\")
def test_tables_keep_their_shape_and_nothing_becomes_markup(text):
    clean = pages("x")
    for page, calm in zip(pages(text), clean, strict=True):
        rows, expected = ([line for line in p.split("\n") if line.startswith("|")] for p in (page, calm))
        assert [cells(row) for row in rows] == [cells(row) for row in expected]
        assert "<" not in page
        assert not re.search(r"!\[", page)
        # No line of the text's own begins: neither a heading nor a list nor a row.
        assert len(re.split(r"[\r\n\u2028]", page)) == len(re.split(r"[\r\n\u2028]", calm))


def test_reasons_stay_readable():
    assert markdown.table(("a", "b"), [("x < 1 | y", 0.123456), ("C:\\dir", 5)]) == (
        "| a | b |\n|---|---|\n| x &lt; 1 \\| y | 0.1235 |\n| C:\\\\dir | 5 |"
    )


@pytest.mark.parametrize(("verdict", "mark"), [(Verdict.PASS, "✓"), (Verdict.FAIL, "✗"), (Verdict.UNKNOWN, "?")])
def test_unknown_is_never_shown_as_passed(verdict, mark):
    shown = dossiers.checks_table([Check("c", verdict, "r")])
    assert f"{mark} {verdict}" in shown
    assert sum(sign in shown for sign in "✓✗?") == 1


def test_the_ingestion_page_says_what_came_in_and_what_next():
    batch = {
        "name": "a.csv",
        "kind": "events",
        "delivered": 9,
        "accepted": 7,
        "quarantined": 2,
        "rules": {"r1": 2, "r2": 1},
    }
    told = dossiers.ingestion_page(
        "p", [decision("ingestion", "accepted", "ok", batch)], ["b.csv.x"], [], {"x": "file:link"}
    )
    assert "**Left out: x** (file:link)" in told
    assert "1 new deliveries; 0 refused whole." in told
    assert "| a.csv | events | 9 | 7 | 2 | r1 (2), r2 (1) |" in told
    assert "Left alone, still being written: b.csv.x." in told
    assert told.endswith("**Next:** Scoring follows.")
    assert "No new deliveries." in dossiers.ingestion_page("p", [], [], [], {})


def test_the_promotion_page_holds_every_gate_and_the_duels_numbers():
    duel = {"answer": "worse", "difference": -0.1, "rows": 80, "blocks": 9}
    gates = [Check("floor", Verdict.PASS, "0.8 is enough"), Check("beats_champion", Verdict.FAIL, "worse", duel)]
    told = dossiers.promotion_page(
        decision("promotion", "refused", "why not", {"version": 4, "replaces": 3}), gates, {}
    )
    assert "Version 4 was **refused** against champion 3." in told
    assert "| floor | ✓ pass | 0.8 is enough |" in told
    assert "| worse | -0.1 |  |  | 80 | 9 |" in told
    assert "**Next:** The champion stays." in told


def test_the_monitoring_page_shows_the_columns_that_moved_most_first():
    columns = [Check(f"c{n}", Verdict.PASS, "", {"distance": n / 100}) for n in range(20)] + [
        Check("odd", Verdict.UNKNOWN, "")
    ]
    told = dossiers.monitoring_page(
        decision("monitoring", "noted", "r", {"version": 1}), [], columns, {"report": "http://r"}
    )
    assert re.findall(r"^\| (c\d+) ", told, re.MULTILINE) == [f"c{n}" for n in range(19, 7, -1)]
    assert "See also: [report](http://r)" in told


def test_the_next_step_after_a_promotion_names_the_command_that_takes_it_back():
    told = dossiers.promotion_page(decision("promotion", "promoted", "r", {"version": 1, "replaces": None}), [], {})
    assert "`keepfit rollback p`" in told
    assert "; no champion." in told


def test_repairs_and_invariants_are_listed():
    told = dossiers.reconciliation_page(
        "p", ["ended a run"], ["MLflow: no answer"], [Check("I1", Verdict.PASS, "holds")]
    )
    for part in (
        "- ended a run",
        "Could not look at MLflow: no answer",
        "1 of 1 invariants hold.",
        "| I1 | ✓ pass | holds |",
    ):
        assert part in told
