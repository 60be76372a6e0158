"""Every delivery of the corpus ends as it states, by the rule that it names; rows add up; nothing is repeated."""

import logging
import math
from collections import Counter

import pandas as pd
import pytest

from tasks.adapters import patterns
from tests.corpus import THEMES, corpus
from tests.corpus.case import CANARY
from tests.corpus.play import plain, play, put

CASES = corpus()
NAMES = [f"{theme}: {case.name}" for theme, case in CASES]


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=NAMES)
def test_a_delivery_becomes_what_it_states_by_the_rule_that_it_names(case, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(patterns, "SECONDS", 6.0)  # nobody has to wait longer for a bomb here
    played = play(case, tmp_path)

    assert (played.outcome, ", ".join(played.refusals), dict(played.rows), dict(played.left)) == (
        case.outcome,
        case.refused,
        dict(case.rows),
        dict.fromkeys(played.left or [case.file], case.left) if case.left else {},
    ), played.spoken
    delivered, accepted, quarantined = played.counts
    assert delivered == accepted + quarantined
    assert accepted == len(played.events) if case.kind == "events" else accepted == len(played.labels)
    if case.outcome != "left out":
        whole = bool(case.refused)
        assert quarantined == (delivered if whole else len(case.rows))
        if case.delivered is not None:
            assert delivered == case.delivered
        evidence = played.decision.evidence
        assert [evidence[name] for name in ("delivered", "accepted", "quarantined")] == [*played.counts]
        named = {rule for told in case.rows.values() for rule in told.split("; ")} | {*case.refused.split(", ")} - {""}
        assert set(evidence["rules"]) == named
    for name, values in case.typed.items():
        frame = played.labels if name == "label" else played.events
        assert [_plain(value) for value in frame[name]] == list(values), name
    for secret in (CANARY, *case.secrets):
        assert secret not in played.spoken
        assert secret not in caplog.text
    for text in (played.spoken, caplog.text):
        assert "Traceback" not in text
        assert not {sign for sign in text if ord(sign) < 32 and sign not in "\n\t\r"} | ({*text} & {*"\u202e\u200b"})


def _plain(value):
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


def test_the_corpus_is_large_and_no_theme_is_thin():
    counts = Counter(theme for theme, _ in CASES)
    assert sum(counts.values()) >= 120
    assert set(counts) == set(THEMES)
    assert min(counts.values()) >= 12
    assert len(set(NAMES)) == len(NAMES)
    assert {case.outcome for _, case in CASES} == {"accepted", "quarantined", "refused", "left out"}


def test_an_accepted_delivery_states_what_comes_out_of_it():
    assert [case.name for _, case in CASES if case.outcome == "accepted" and not case.typed] == []


@pytest.mark.parametrize(
    ("name", "told"),
    [("good", "right"), ("ids with leading zeros", "silently wrong"), ("a long row", "raises ParserError"),
     ("Parquet", ""), ("a column renamed", "raises KeyError"), ("a decimal comma", "silently wrong"),
     ("a named pipe", "waits for ever")],
)  # fmt: skip
def test_plain_pandas_is_measured_and_not_assumed(name, told, tmp_path):
    case = next(case for _, case in CASES if case.name == name)
    played = play(case, tmp_path / "played")
    assert plain(case, put(case, tmp_path / "plain"), played) == told
