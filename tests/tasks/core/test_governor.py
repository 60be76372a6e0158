from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.governor import Governor, PastTraining, breaker_is_open, govern, may_be_proposed
from tasks.core.results import Verdict

NOW = datetime(2024, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def past(*ages, outcome="promoted", minutes=None):
    return [PastTraining(NOW - age * DAY, outcome, minutes and 60.0 * minutes) for age in ages]


def ask(config=None, *, history=(), now=NOW, new_labels=1000, lease_held=False):
    return govern(config or Governor(), history=history, now=now, new_labels=new_labels, lease_held=lease_held)


def test_nothing_objects_to_a_first_training():
    check = ask()
    assert check.passed
    assert check.numbers["rule"] is None


@pytest.mark.parametrize(
    ("rule", "verdict", "case"),
    [
        ("mode", Verdict.FAIL, {"config": Governor(mode="observe")}),
        ("mode", Verdict.FAIL, {"config": Governor(mode="suggest")}),
        ("single_flight", Verdict.FAIL, {"lease_held": True}),
        ("single_flight", Verdict.FAIL, {"history": past(20, outcome="running")}),
        ("single_flight", Verdict.UNKNOWN, {"lease_held": None}),
        ("cooldown", Verdict.FAIL, {"history": past(6.99)}),
        ("cooldown", Verdict.FAIL, {"history": past(-3)}),
        ("budget", Verdict.FAIL, {"config": Governor(budget=2), "history": past(8, 29.9)}),
        ("budget", Verdict.FAIL, {"config": Governor(budget=0)}),
        ("cpu_budget", Verdict.FAIL, {"config": Governor(cpu_minutes=5), "history": past(8, 29.9, minutes=2.5)}),
        ("cpu_budget", Verdict.UNKNOWN, {"config": Governor(cpu_minutes=5), "history": past(8)}),
        ("cpu_budget", Verdict.FAIL, {"config": Governor(cpu_minutes=5), "history": past(8) + past(9, minutes=5)}),
        ("min_new_labels", Verdict.FAIL, {"new_labels": 99}),
        ("min_new_labels", Verdict.UNKNOWN, {"new_labels": None}),
        ("circuit_breaker", Verdict.FAIL, {"history": past(100, 200, outcome="refused") + past(150, outcome="failed")}),
    ],
)
def test_each_rule_suppresses_under_its_own_name(rule, verdict, case):
    check = ask(**case)
    assert (check.verdict, check.numbers["rule"]) == (verdict, rule)
    assert check.reason.startswith(f"{rule}: ")


@pytest.mark.parametrize(
    "case",
    [
        {"history": past(7)},
        {"config": Governor(budget=2), "history": past(8, 30)},
        {"config": Governor(cpu_minutes=5), "history": past(8, minutes=4.99) + past(30, minutes=50)},
        {"config": Governor(cpu_minutes=5), "history": past(8, minutes=1) + past(31)},
        {"history": past(8)},
        {"new_labels": 100},
        {"history": past(100, 150, outcome="refused")},
        {"history": past(100, 150, 200, outcome="refused") + past(90)},
        {"history": past(100, outcome="refused") + past(150) + past(200, 250, outcome="failed")},
    ],
)
def test_each_rule_allows_at_its_edge(case):
    assert ask(**case).passed


HALF_OPEN = Governor(retry_after="30d", budget=99)


@pytest.mark.parametrize(("useless", "waits"), [(3, 30), (4, 60), (5, 120), (8, 960)])
def test_an_open_breaker_tries_again_later_and_after_each_useless_one_twice_as_late(useless, waits):
    ages = [waits + 40 * number for number in range(useless)]
    early = ask(HALF_OPEN, history=past(*ages, outcome="refused"), now=NOW - timedelta(seconds=1))
    assert early.numbers["rules"] == "circuit_breaker"
    assert f"the last {useless} trainings promoted nothing" in early.reason
    assert f"one more may start from {NOW.isoformat()} on" in early.reason
    assert ask(HALF_OPEN, history=past(*ages, outcome="refused")).passed
    assert breaker_is_open(ask(history=past(*ages, outcome="refused"))), "without it a person has to look"


def test_where_people_approve_one_more_is_proposed_when_it_is_due_and_not_before():
    config = HALF_OPEN.model_copy(update={"mode": "approve"})
    for age, due in ((29, False), (30, True)):
        assert may_be_proposed(ask(config, history=past(age, 60, 80, outcome="refused"))) is due


def test_a_promotion_closes_the_breaker_and_the_waits_begin_anew():
    history = past(*range(400, 1200, 100), outcome="refused") + past(300)
    assert ask(HALF_OPEN, history=history + past(40, 60, 80, outcome="refused")).passed
    assert not ask(HALF_OPEN, history=history + past(29, 60, 80, outcome="refused")).passed


def test_a_wait_that_no_calendar_holds_is_for_ever():
    config = Governor(retry_after="100000d", budget=99)
    assert breaker_is_open(ask(config, history=past(*range(100, 4000, 100), outcome="refused")))


def test_a_running_training_neither_opens_nor_closes_the_breaker():
    under_way = past(50, outcome="running")
    assert "circuit_breaker" not in ask(history=past(100, 150, outcome="failed") + under_way).reason
    assert "circuit_breaker" in ask(history=past(100, 150, 200, outcome="failed") + under_way).reason


def test_all_objections_are_told_and_a_sure_one_names_the_rule():
    check = ask(Governor(mode="suggest"), history=past(1), new_labels=None, lease_held=None)
    assert (check.verdict, check.numbers["rule"]) == (Verdict.FAIL, "mode")
    assert all(f"{rule}: " in check.reason for rule in ("mode", "single_flight", "cooldown", "min_new_labels"))


def test_the_breaker_is_seen_whichever_rule_names_the_refusal():
    useless = past(1, 20, 40, outcome="refused")
    check = ask(history=useless)
    assert check.numbers["rule"] == "cooldown"
    assert check.numbers["rules"] == "cooldown+circuit_breaker"
    assert breaker_is_open(check)
    assert not breaker_is_open(ask(history=past(1)))
    assert not breaker_is_open(ask())


@given(st.lists(st.tuples(st.integers(0, 60), st.none() | st.floats(0, 400)), max_size=8), st.floats(0.1, 20))
@settings(deadline=None)
def test_a_cpu_budget_allows_only_what_is_surely_within_it(trainings, limit):
    config = Governor(cpu_minutes=limit, cooldown=timedelta(0), budget=99)
    history = [PastTraining(NOW - age * DAY, "promoted", cost) for age, cost in trainings]
    costs = [cost for age, cost in trainings if age < 30]
    spent = sum(cost or 0 for cost in costs) / 60
    check = ask(config, history=history)
    expected = Verdict.FAIL if spent >= limit else Verdict.UNKNOWN if None in costs else Verdict.PASS
    assert check.verdict is expected
    assert check.numbers["cpu_minutes"] == pytest.approx(spent)


outcomes = st.sampled_from(["promoted", "refused", "failed"])
requests = st.lists(st.tuples(st.integers(0, 72), outcomes), max_size=60)


@given(
    requests=requests,
    cooldown=st.integers(0, 100),
    budget=st.integers(0, 5),
    period=st.integers(1, 300),
    give_up_after=st.integers(1, 4),
)
@settings(max_examples=200, deadline=None)
def test_no_sequence_of_requests_makes_a_storm(requests, cooldown, budget, period, give_up_after):
    hour = timedelta(hours=1)
    config = Governor(cooldown=cooldown * hour, budget=budget, period=period * hour, give_up_after=give_up_after)
    history, now = [], NOW
    for wait, outcome in requests:
        now += wait * hour
        if ask(config, history=list(reversed(history)), now=now).passed:
            history.append(PastTraining(now, outcome))
    starts = [training.decided_at for training in history]
    assert all(later - earlier >= cooldown * hour for earlier, later in pairwise(starts))
    for start in starts:
        assert sum(start <= other < start + period * hour for other in starts) <= budget
    useless = "".join("." if training.outcome == "promoted" else "x" for training in history)
    assert "x" * (give_up_after + 1) not in useless


@given(requests=requests, give_up_after=st.integers(1, 4), retry_after=st.integers(1, 100))
@settings(max_examples=200, deadline=None)
def test_beyond_the_breaker_every_useless_training_waits_twice_as_long(requests, give_up_after, retry_after):
    hour = timedelta(hours=1)
    config = Governor(cooldown="0d", budget=99, give_up_after=give_up_after, retry_after=retry_after * hour)
    history, now = [], NOW
    for wait, outcome in requests:
        now += wait * hour
        if ask(config, history=list(reversed(history)), now=now).passed:
            history.append(PastTraining(now, outcome))
    useless = []
    for training in history:
        if len(useless) >= give_up_after:
            waited = training.decided_at - useless[-1].decided_at
            assert waited >= retry_after * hour * 2 ** (len(useless) - give_up_after)
        useless = [] if training.outcome == "promoted" else [*useless, training]


@settings(deadline=None)
@given(labels=st.none() | st.integers(0, 99), lease=st.sampled_from([True, None]), history=st.just(()))
def test_what_is_not_known_never_starts_a_training(labels, lease, history):
    assert not ask(new_labels=labels).passed
    assert not ask(lease_held=lease).passed


def test_the_configuration_refuses_nonsense():
    assert Governor(cooldown="12h").cooldown == timedelta(hours=12)
    for wrong in [
        {"cooldown": timedelta(-1)},
        {"period": "0d"},
        {"budget": -1},
        {"give_up_after": 0},
        {"retry_after": "0d"},
        {"cpu_minutes": 0},
        {"modus": "auto"},
    ]:
        with pytest.raises(ValidationError):
            Governor(**wrong)


def test_a_training_that_the_probe_spared_is_useless_and_one_that_it_postponed_says_nothing():
    config = Governor(give_up_after=2, cooldown=7 * DAY, budget=9)
    spared, postponed = past(30, outcome="spared"), past(10, 20, outcome="postponed")
    assert breaker_is_open(ask(config, history=past(40, outcome="refused") + spared + postponed))
    assert ask(config, history=spared + postponed).passed
    assert ask(config, history=past(40) + postponed).passed
    for outcome in ("spared", "postponed"):
        assert ask(config, history=past(1, outcome=outcome)).numbers["rule"] == "cooldown"
        assert ask(Governor(budget=1), history=past(8, outcome=outcome)).numbers["rule"] == "budget"
