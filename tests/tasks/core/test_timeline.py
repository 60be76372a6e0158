from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.core.journal import chain
from tasks.core.results import Decision, Verdict
from tasks.core.timeline import serving_at, terms_of

START, HOUR = datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1)


def journal(*told):
    found = []
    for kind, outcome, evidence, hour in told:
        as_of = START - 1000 * HOUR + hour * HOUR
        decision = Decision(f"k{len(found)}", "p", kind, Verdict.PASS, outcome, f"why {hour}", as_of, evidence=evidence)
        found.append(chain(found[-1] if found else None, decision, START + hour * HOUR))
    return found


STORY = journal(
    ("ingestion", "accepted", {}, 0),
    ("promotion", "promoted", {"version": 1, "sha256": "a", "replaces": None}, 1),
    ("promotion", "proposed", {"version": 2, "sha256": "b", "replaces": 1}, 2),
    ("promotion", "promoted", {"version": 2, "sha256": "b", "replaces": 1, "who": "Ada and Bob"}, 3),
    ("training", "promoted", {"version": 2}, 4),
    ("rollback", "rolled back", {"version": 1, "sha256": "a", "replaces": 2, "who": "keepfit", "banned": True}, 5),
    ("promotion", "refused", {"version": 3, "sha256": "c", "replaces": 1}, 6),
)


def test_who_served_when_by_whose_word_and_why():
    told = [(t.version, (t.since - START) / HOUR, t.until and (t.until - START) / HOUR, t.who, t.why, t.entry)
            for t in terms_of(STORY)]  # fmt: skip
    assert told == [
        (1, 1, 3, "the loop", "why 1", 2), (2, 3, 5, "Ada and Bob", "why 3", 4), (1, 5, None, "the loop", "why 5", 6),
    ]  # fmt: skip
    assert [t.banned for t in terms_of(STORY)] == ["", "why 5", ""]


@given(st.floats(-5, 20))
@example(1.0)
@example(3.0)
@example(5.0)
@settings(deadline=None)
def test_at_each_moment_one_version_serves_once_the_first_was_promoted(hour):
    found = serving_at(terms_of(STORY), START + hour * HOUR)
    wanted = None if hour < 1 else 1 if hour < 3 else 2 if hour < 5 else 1
    assert (found and found.version) == wanted


def test_a_replayed_history_is_told_by_its_own_moments():
    replayed = serving_at(terms_of(STORY, replayed=True), START - 996 * HOUR)
    assert replayed.version == 2
    assert serving_at(terms_of(STORY, replayed=True), START - 1000 * HOUR) is None
    assert terms_of([]) == []
