"""One message per incident and one when it is over, whatever the journal, the failures and the pauses in between."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.alerting import Policy, notices, over
from tasks.core.incidents import broken_journal, incidents_of
from tests.tasks.core.troubles import HOUR, START, TROUBLE, journal

OF_MONITORING = {"retraining refused", "unknown check", "broken data"}
STEPS = [step for pair in TROUBLE.values() for step in pair] + [("scoring", "scored", {}), None]
EVERYTHING = Policy(at_once=(*Policy().at_once, *Policy().digest), digest=(), cooldown="0s")


class Receiver:
    """Tells after each entry, as runs do; `works` says for each attempt whether the message arrives."""

    def __init__(self, policy, works=None):
        self.policy, self.works = policy, iter(works or ())
        self.told, self.sent = {}, []

    def look(self, entries, now):
        for notice in notices(self.policy, incidents_of("p", entries), dict(self.told), now):
            if not next(self.works, True):
                return
            self.sent.append((now, notice))
            self.told |= dict.fromkeys(notice.tokens, now)

    def live_through(self, steps):
        for number in range(1, len(steps) + 1):
            self.look(journal(*steps[:number]), START + number * HOUR)
        return incidents_of("p", journal(*steps))

    def of(self, about):
        return [token for _, notice in self.sent for token in notice.tokens if notice.about == about]


@given(st.lists(st.sampled_from(STEPS), max_size=25), st.lists(st.booleans(), max_size=30))
def test_each_incident_is_told_once_and_its_end_once_however_often_sending_fails(steps, works):
    receiver = Receiver(EVERYTHING, works)
    found = receiver.live_through(steps)
    for _ in range(2):  # the receiver works again in the end
        receiver.works = iter(())
        receiver.look(journal(*steps), START + 1000 * HOUR)
    assert max(Counter(receiver.of("opened") + receiver.of("over")).values(), default=1) == 1
    assert {one.token for one in found if one.resolved is None} <= set(receiver.of("opened"))
    ended = {over(one) for one in found if one.resolved is not None and one.token in receiver.told}
    assert set(receiver.of("over")) == ended
    assert {token.removesuffix(":over") for token in receiver.of("over")} <= set(receiver.of("opened"))


@given(st.lists(st.sampled_from(STEPS), max_size=25), st.integers(1, 12))
def test_nothing_is_repeated_within_its_cooldown_and_what_stands_after_it_is_told(steps, hours):
    policy = EVERYTHING.model_copy(update={"cooldown": hours * HOUR})
    receiver = Receiver(policy)
    found = receiver.live_through(steps)
    moments = {}
    for at, notice in receiver.sent:
        if notice.about == "opened":
            moments.setdefault(notice.tokens[0].rpartition("#")[0], []).append(at)
    for known in moments.values():
        assert all(later - earlier >= policy.cooldown for earlier, later in pairwise(known))
    receiver.look(journal(*steps), START + (len(steps) + hours + 1) * HOUR)
    assert {one.token for one in found if one.resolved is None} <= set(receiver.told)


@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_a_digest_comes_at_most_once_a_day_and_tells_of_nothing_twice(steps):
    receiver = Receiver(Policy(cooldown="0s"))
    receiver.live_through(steps)
    at = [at for at, notice in receiver.sent if notice.about == "digest"]
    assert all(later - earlier >= timedelta(days=1) for earlier, later in pairwise(at))
    assert max(Counter(receiver.of("digest")).values(), default=1) == 1
    assert not any("digest#" not in token and token.split("/")[0] not in Policy().digest
                   for token in receiver.of("digest"))  # fmt: skip


@pytest.mark.parametrize("kind", TROUBLE)
def test_a_message_tells_cause_evidence_effect_next_step_and_where_to_look(kind):
    entries = journal(TROUBLE[kind][0], TROUBLE[kind][0])
    (one,) = [one for one in incidents_of("p", entries) if one.kind == kind]
    (notice,) = [n for n in notices(EVERYTHING, [one], {}, START + HOUR, {"run-0": "http://run"}) if n.urgent]
    lines = dict(line.split(": ", 1) for line in notice.text.splitlines())
    assert list(lines) == ["What happened", "Evidence", "Effect", "Next", "Why, in one page", "Run"]
    assert lines["What happened"].endswith("because 0")
    assert lines["Evidence"].startswith("since 2025-01-01 00:00 UTC, seen 2 times, last 2025-01-01 01:00 UTC")
    assert (lines["Why, in one page"], lines["Run"]) == ("keepfit explain p 1", "http://run")
    assert notice.title.startswith("[keepfit] p: ")


def test_what_was_over_before_anybody_was_told_is_not_dug_up():
    opens, ends = TROUBLE["broken data"]
    assert notices(EVERYTHING, incidents_of("p", journal(opens, ends)), {}, START + 9 * HOUR) == []


def test_a_kind_in_neither_list_is_not_told():
    policy = Policy(at_once=(), digest=())
    assert notices(policy, incidents_of("p", journal(TROUBLE["broken data"][0])), {}, START) == []


def test_a_journal_that_is_not_whole_is_told_once():
    found = broken_journal("p", ["Entry 2 is missing."], START)
    (notice,) = notices(Policy(), found, {}, START)
    assert "keepfit verify p" in notice.text
    assert notices(Policy(), found, dict.fromkeys(notice.tokens, START), START + 99 * HOUR) == []


def test_a_clock_that_was_set_back_does_not_silence_alerts():
    opens, ends = TROUBLE["broken data"]
    receiver = Receiver(Policy(cooldown="1000d"))
    receiver.told = {"broken data/#1": START + 9000 * HOUR}
    receiver.look(journal(opens, ends, opens), START + 3 * HOUR)
    assert receiver.of("opened") == ["broken data/#3"]


def test_long_and_harmful_texts_become_one_bounded_line():
    (one,) = incidents_of("p", journal(("scoring", "failed", {})))
    (notice,) = notices(Policy(), [replace(one, reason="a\nb\u202ec " + "x y" * 900)], {}, START)
    line = notice.text.splitlines()[0]
    assert line.startswith("What happened: a b\\u202ec")
    assert len(line) < 700


def test_a_kind_belongs_to_one_list():
    with pytest.raises(ValidationError, match="stands in at_once and in digest"):
        Policy(at_once=("rollback",), digest=("rollback",))
