"""Data Docs hold counts and rules, never a value, load nothing from anywhere, and keep their history."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pandas as pd
import pytest

from tasks.adapters import data_docs
from tasks.adapters.data_docs import Said, build, index_of, keep
from tasks.adapters.expectations import Expectation, validate
from tasks.core.errors import TerminalError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MARKUP = "<script>alert(1)</script>"
RULES = [
    Expectation(expect="ExpectTableRowCountToBeBetween", arguments={"min_value": 1}, on_fail="refuse"),
    Expectation(expect="ExpectColumnValuesToBeBetween", arguments={"column": "x", "min_value": 0, "max_value": 3}),
    Expectation(expect="ExpectColumnMaxToBeBetween", arguments={"column": "x", "max_value": 5}, on_fail="warn"),
    Expectation(expect="ExpectColumnValuesToBeInSet", arguments={"column": "c", "value_set": ["a", MARKUP]}),
    Expectation(expect="ExpectColumnDistinctValuesToBeInSet", arguments={"column": "c", "value_set": ["a"]}),
    Expectation(expect="ExpectColumnValuesToBeFunny", arguments={"column": "c"}),
    Expectation(expect="ExpectColumnValuesToMatchRegex", arguments={"column": "c", "regex": "["}),
]
FRAME = pd.DataFrame({"x": [1, 2, 99_123, None], "c": ["a", "secret-value", "a", None]})


class Loading(HTMLParser):
    """What a page would load or run."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        loads = tag in {"script", "img", "link", "iframe", "object", "embed", "video", "audio", "source"}
        runs = any(name.startswith("on") for name in told if name != "onclick")
        if loads or runs or "src" in told:
            self.found.append((tag, told))


def said(number, suite="events"):
    answer = validate(FRAME, RULES)
    return Said(suite, f"{number:032x}", NOW + timedelta(days=number), answer.asked, answer.checks, len(FRAME))


def pages(folder):
    return {path: path.read_text("utf-8") for path in (folder / "pages").rglob("*.html")}


def test_pages_tell_every_rule_and_no_value_and_load_nothing(tmp_path):
    keep(tmp_path, said(1))
    keep(tmp_path, said(1, "labels"))
    assert build(tmp_path) == 2
    every = pages(tmp_path)
    assert len(every) == 3
    for path, text in every.items():
        reader = Loading()
        reader.feed(text)
        assert reader.found == [], path
        assert "default-src 'none'" in text
        assert "url(" not in text
        assert MARKUP not in text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert not re.search(b"secret-value|99123|99_123", path.read_bytes()), path
    (page,) = (text for path, text in every.items() if "/events/" in path.as_posix())
    for told in ("1 unexpected values found", "25% unexpected", "ExpectColumnValuesToBeFunny:c", "The rule crashed"):
        assert told in page, told
    index = index_of(tmp_path).read_text("utf-8")
    assert "6 of 7 broken or not known" in index
    for link in re.findall('href="([^"]*)"', index):
        assert (index_of(tmp_path).parent / link).is_file()
    assert oct(tmp_path.stat().st_mode)[-3:] == "700"


def test_a_delivery_that_is_kept_again_stands_once_and_a_page_that_is_missing_is_made(tmp_path):
    for _ in range(2):
        keep(tmp_path, said(1))
        assert build(tmp_path) == 1
    assert len(pages(tmp_path)) == 2
    for path in pages(tmp_path):
        path.unlink()
    assert build(tmp_path) == 1
    assert len(pages(tmp_path)) == 2


def test_the_oldest_go_with_their_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(data_docs, "KEPT", 2)
    for number in (3, 1, 2):
        keep(tmp_path, said(number))
        build(tmp_path)
    kept = {path.stem for path in pages(tmp_path)}
    assert kept == {"index", f"{2:032x}", f"{3:032x}"}
    assert build(tmp_path) == 2


def test_what_cannot_be_written_is_told_and_quotes_nothing(tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be", "utf-8")
    with pytest.raises(TerminalError, match="Nothing rests on them"):
        keep(tmp_path / "taken", said(1))
