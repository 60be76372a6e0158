import csv
import io
from dataclasses import replace

from tasks.core.results import Window
from tasks.core.staleness import page
from tasks.core.staleness.curve import Cell
from tasks.core.staleness.gains import NOT_MEASURED, Gain
from tasks.core.staleness.page import Measured
from tasks.core.staleness.plan import Retraining
from tests.tasks.core.staleness.worlds import DAY, RULES, START


def window(number):
    return Window(START + 10 * number * DAY, START + 10 * (number + 1) * DAY)


CELLS = (
    Cell(1, window(0), 0, 400, 1 / 3, 0.0, True, ""),
    Cell(1, window(1), 1, 400, 0.5, 0.25, False, ""),
    Cell(2, window(1), 0, 400, 0.25, 0.0, True, ""),
    Cell(3, window(1), 0, 0, None, None, False, "not measured: its | file"),
)
GAINS = (
    Gain(Retraining(2, 1, window(1)), "better", "better: so | much", 400, 0.25, 0.125, 0.375),
    Gain(Retraining(3, 2, window(2)), NOT_MEASURED, "not measured: version 3 cannot be asked: gone"),
)
FOUND = Measured(RULES, CELLS, GAINS, {3: "its | file is gone"})


def test_the_page_says_what_was_brought_at_what_confidence_and_whom_it_could_not_measure():
    text = page.staleness_page("p", FOUND, {"MLflow run": "http://here"})
    lead = text.split("\n\n")[1]
    assert lead == "2 retrainings: 1 better, 1 not measured. Not measured: version 3."
    assert "**Not measured:** version 3: its \\| file is gone" in text
    assert "1 comparison at a confidence of 95 % in all: each interval is one of 95 %" in text
    assert "| 1 to 2 | 2026-01-11..2026-01-21 | better | +0.25 | +0.125 to +0.375 | 400 |" in text
    assert "| 2 to 3 | 2026-01-21..2026-01-31 | not measured | - | - | 0 |" in text
    assert "| 2026-01-11..2026-01-21 | 0.5 (1) | 0.25 (0) * | - |" in text
    assert "- 1 to 2: better: so \\| much" in text
    assert "[MLflow run](http://here)" in text


def test_many_comparisons_are_stated_with_what_each_is_left():
    many = replace(FOUND, gains=(GAINS[0],) * 10)
    assert "10 comparisons at a confidence of 95 % in all: each interval is one of 99.5 %" in page.multiplicity(many)


def test_without_a_retraining_the_page_says_so_and_shows_the_curve():
    text = page.staleness_page("p", Measured(RULES, CELLS[:1], (), {}), {})
    assert text.split("\n\n")[1] == "Nothing was retrained into a champion yet."
    assert "What each retraining brought" not in text
    assert "| 0 | 400 | 0.3333 | 0 |" in text


def test_a_long_history_shows_its_newest_windows_and_the_file_has_all():
    many = tuple(replace(CELLS[0], window=window(number)) for number in range(100))
    rows = page.curve_rows(many)
    assert len(rows) == page.SHOWN
    assert rows[-1][0] == str(window(99))
    kept = page.csv_files(replace(FOUND, cells=many))["staleness.csv"]
    assert len(kept.splitlines()) == 101


def test_the_files_hold_every_digit_and_reason():
    files = {name: list(csv.DictReader(io.StringIO(text))) for name, text in page.csv_files(FOUND).items()}
    first, *_, gone = files["staleness.csv"]
    assert float(first["score"]) == 1 / 3
    assert (first["window_start"], first["age"], first["rows"], first["serves"]) == (
        START.isoformat(), "0", "400", "True",
    )  # fmt: skip
    assert (gone["version"], gone["score"], gone["why"]) == ("3", "", "not measured: its | file")
    better, unknown = files["retrainings.csv"]
    assert (better["answer"], float(better["gain"]), float(better["low"])) == ("better", 0.25, 0.125)
    assert (unknown["answer"], unknown["gain"]) == (NOT_MEASURED, "")
