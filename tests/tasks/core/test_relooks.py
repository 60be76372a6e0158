"""A corrected delivery makes the checks of the windows that it touched due again, once each, the newest first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tasks.core import relooks
from tasks.core.observations import Observation
from tasks.core.results import Check, Decision, JournalEntry, Verdict, Window

DAY, START = timedelta(days=1), datetime(2024, 1, 1, tzinfo=UTC)
PASS, FAIL = Verdict.PASS, Verdict.FAIL


def observation(drift=PASS):
    checks = [Check(name, PASS, "") for name in ("data", "data drift", "prediction drift", "performance")]
    checks[1] = replace(checks[1], verdict=drift)
    return Observation(*checks, (), 10)


def checked(day, version=1, drift=PASS):
    end = START + day * DAY
    window = Window(end - 10 * DAY, end)
    evidence = observation(drift).evidence() | {"version": version}
    return Decision(f"monitoring:{version}:{day}", "p", "monitoring", PASS, "quiet", "", end, window, evidence)


def corrected(first, last, name="c"):
    touched = {"start": (START + first * DAY).isoformat(), "end": (START + last * DAY).isoformat()}
    evidence = {"supersedes": {"rows": 3, "batches": ["b"], "touched": touched}}
    return Decision(f"ingestion:{name}", "p", "ingestion", PASS, "accepted", "", START, evidence=evidence)


def entries(*decisions):
    return [JournalEntry(n, decision, START, "", "") for n, decision in enumerate(decisions, 1)]


def due(*decisions, version=1):
    return [look.decision.key.rsplit(":", 1)[1] for look in relooks.due(entries(*decisions), version)]


def test_windows_that_a_correction_touched_are_due_and_no_others():
    assert due(checked(10), checked(20), checked(30), corrected(12, 15)) == ["20"]
    assert due(checked(10), checked(20), checked(30), corrected(19, 21)) == ["30", "20"]
    assert due(checked(20), corrected(10, 10.5), version=2) == []
    assert due(corrected(12, 15), checked(20)) == [], "a check that came after it has seen it"
    assert due(*(checked(10 + n) for n in range(9)), corrected(9, 10)) == ["18", "17", "16"], "some in each run"


def test_a_look_that_was_taken_is_not_due_until_the_next_correction():
    (look,) = relooks.due(entries(checked(20), corrected(12, 15)), 1)
    again = relooks.told(look, observation(), START + 40 * DAY, "run")
    assert due(checked(20), corrected(12, 15), again) == []
    assert due(checked(20), corrected(12, 15), again, corrected(13, 14, "d")) == ["20"]


def test_a_second_look_says_what_is_different_now():
    (look,) = relooks.due(entries(checked(20), corrected(12, 15)), 1)
    same, other = (relooks.told(look, observation(drift), START, "run") for drift in (PASS, FAIL))
    assert (same.outcome, same.verdict) == ("confirmed", PASS)
    assert (other.outcome, other.verdict) == ("changed", FAIL)
    assert other.reason.startswith("data drift was pass and is fail (corrected deliveries touched 2024-01-11")
    assert other.window == look.decision.window
