from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core import approval
from tasks.core.approval import Standing
from tasks.core.bans import banned, judge_ban
from tasks.core.championship import past_trainings
from tasks.core.governor import Governor, govern, may_be_proposed
from tasks.core.journal import chain
from tasks.core.results import Check, Decision, Verdict
from tasks.core.terms import Approval, Freeze, frozen_by

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
JUDGED = {"version": 3, "sha256": "aa", "replaces": 1, "rows": {"count": 9, "digest": "d"}, "gates": []}
STANDS = Standing(receipt=1, champion=1, sha256="aa")
WEEKEND = Freeze(begins="Fri 16:00", ends="Mon 08:00", timezone="Europe/Berlin")


def entries(*decisions):
    found = []
    for decision in decisions:
        found.append(chain(found[-1] if found else None, decision, NOW))
    return found


def decided(kind, outcome, evidence, key=None):
    key = key or f"{kind}:{outcome}:{len(evidence)}:{evidence.get('who', '')}"
    return Decision(key, "p", kind, Verdict.PASS, outcome, "so it is", NOW, evidence=evidence)


def proposed(four_eyes=False, **changes):
    terms = approval.terms(Approval(expires="2d", four_eyes=four_eyes), 1, NOW, JUDGED | changes)
    return decided("promotion", "proposed", terms, "the proposal")


def ended(outcome, kind="approval", **evidence):
    return decided(kind, outcome, {"proposal": "the proposal", "of": "promotion", "version": 3, **evidence})


def ask(proposal=None, *others, who="Ada", why="it is better", now=NOW + DAY, standing=STANDS, freezes=(), digest=""):
    proposal = proposal or proposed()
    return approval.judge(
        entries(proposal, *others), proposal, who=who, why=why, now=now, standing=standing, freezes=freezes,
        digest=digest,
    )  # fmt: skip


def test_what_is_as_it_was_judged_is_approved_once():
    assert ask().passed
    assert ask(digest=proposed().evidence["digest"][:12]).passed
    assert ask(freezes=[WEEKEND]).passed


CASES = {
    "not_a_proposal": {"proposal": decided("promotion", "refused", JUDGED)},
    "no_person": {"who": " \t"},
    "no_reason": {"why": ""},
    "expired": {"now": NOW + 2 * DAY},
    "evidence_changed": {"digest": "0" * 12},
    "champion_changed": {"standing": replace(STANDS, receipt=7)},
    "alias_moved": {"standing": replace(STANDS, champion=2)},
    "artefact_changed": {"standing": replace(STANDS, sha256="ab")},
    "freeze": {"freezes": [Freeze(begins="Thu 00:00", ends="Fri 00:00")]},
    "governor": {"standing": replace(STANDS, governed=Check("governor", Verdict.FAIL, "cooldown: not yet"))},
}


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_refuses_under_its_own_name(rule):
    check = ask(**CASES[rule])
    assert (check.verdict, check.numbers["rule"], check.numbers["rules"]) == (Verdict.FAIL, rule, rule)
    assert check.reason.startswith(f"{rule}: ")


@pytest.mark.parametrize("outcome", ["promoted", "declined", "expired", "void", "triggered"])
def test_a_proposal_is_used_once_however_it_ended(outcome):
    assert ask(None, ended(outcome)).numbers["rule"] == "used"


@pytest.mark.parametrize("outcome", ["denied", "approved once"])
def test_an_answer_that_ended_nothing_uses_nothing_up(outcome):
    assert ask(None, ended(outcome, who="Bob")).passed


def test_a_newer_judgement_of_the_version_and_a_ban_of_it_void_the_proposal():
    again = decided("promotion", "refused", JUDGED)
    assert ask(None, again).numbers["rule"] == "superseded"
    assert ask(None, decided("promotion", "refused", JUDGED | {"version": 4})).passed
    taken_back = decided("rollback", "rolled back", {"version": 1, "replaces": 3, "banned": True})
    assert ask(None, taken_back).numbers["rule"] == "banned"
    assert ask(None, decided("rollback", "rolled back", {"version": 1, "replaces": 3, "banned": False})).passed


@given(
    st.sampled_from(["version", "sha256", "replaces", "rows", "receipt", "expires_at", "four_eyes"]),
    st.integers(100, 999),
)
@settings(deadline=None)
def test_whatever_changes_in_the_evidence_its_digest_tells(field, value):
    proposal = proposed()
    changed = replace(proposal, evidence={**proposal.evidence, field: value})
    assert approval.digest_of(changed.evidence) != proposal.evidence["digest"]
    if field != "expires_at":
        assert "evidence_changed" in ask(changed).numbers["rules"].split("+")


@given(st.sampled_from(["Ada", " ada ", "ADA", "\uff21da", "A d a", "Bob", "adam"]))
@settings(deadline=None)
def test_the_second_pair_of_eyes_is_another_persons(second):
    """One person in several spellings stays one person."""
    check = ask(proposed(four_eyes=True), ended("approved once", who="Ada"), who=second)
    same = second.strip().casefold() in {"ada", "\uff41da"}
    assert (check.numbers["rule"] == "same_person") is same
    assert check.passed is not same


@given(st.lists(st.sampled_from(sorted(set(CASES) - {"not_a_proposal"})), unique=True))
@settings(deadline=None)
def test_any_number_of_objections_is_told_and_without_one_it_passes(rules):
    given_, standing = {}, STANDS
    for rule in rules:
        case = dict(CASES[rule])
        changed = case.pop("standing", STANDS)
        same = {name: getattr(changed, name) for name in ("receipt", "champion", "sha256", "governed")}
        standing = replace(standing, **{n: value for n, value in same.items() if value != getattr(STANDS, n)})
        given_ |= case
    if {"freeze", "expired"} <= set(rules):
        given_["freezes"] = [Freeze(begins="Fri 00:00", ends="Sat 00:00")]
    check = ask(**given_, standing=standing)
    assert check.passed is (not rules)
    assert set(filter(None, str(check.numbers["rules"] or "").split("+"))) == set(rules)


def test_silence_is_found_when_its_time_is_over_and_not_a_moment_before():
    told = entries(proposed())
    assert approval.waiting_since(told) == told
    assert approval.overdue(told, NOW + 2 * DAY - MINUTE) == []
    assert approval.overdue(told, NOW + 2 * DAY) == told
    assert approval.overdue(entries(proposed(), ended("expired")), NOW + 9 * DAY) == []


def test_the_training_whose_candidate_is_proposed_is_no_proposal_itself():
    trained = decided("training", "proposed", {"version": 3, "token": None})
    told = entries(proposed(), trained)
    assert approval.waiting_since(told) == told[:1]
    assert approval.overdue(told, NOW + 9 * DAY) == told[:1]
    assert ask(trained).numbers["rule"] == "not_a_proposal"


def test_anyone_may_refuse_what_waits_and_nobody_what_has_ended():
    proposal = proposed()
    refuse = {"who": "Bob", "why": "not now", "now": NOW}
    assert approval.judge_refusal(entries(proposal), proposal, **refuse).passed
    over = approval.judge_refusal(entries(proposal, ended("declined")), proposal, **refuse)
    assert over.numbers["rule"] == "used"


BERLIN = {
    "2026-11-27T14:59": False, "2026-11-27T15:00": True,  # Friday 16:00 in Berlin, in winter
    "2026-11-29T12:00": True, "2026-11-30T06:59": True, "2026-11-30T07:00": False, "2026-11-25T12:00": False,
    "2026-07-03T13:59": False, "2026-07-03T14:00": True,  # and in summer
}  # fmt: skip


@pytest.mark.parametrize("moment", BERLIN)
def test_a_freeze_goes_by_the_clocks_of_its_zone_and_over_the_weeks_end(moment):
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert (frozen_by([WEEKEND], now) is WEEKEND) is BERLIN[moment]


@given(st.integers(0, 7 * 1440 - 1), st.integers(0, 7 * 1440 - 1), st.integers(0, 10**6))
@settings(deadline=None)
def test_a_freeze_and_its_reverse_cover_each_minute_of_the_week_once(first, second, minute):
    if first == second:
        return
    names = [f"{(datetime(2026, 11, 23, tzinfo=UTC) + n * MINUTE):%a %H:%M}" for n in (first, second)]
    freeze, other = Freeze(begins=names[0], ends=names[1]), Freeze(begins=names[1], ends=names[0])
    assert freeze.holds(NOW + minute * MINUTE) is not other.holds(NOW + minute * MINUTE)


@pytest.mark.parametrize(
    "wrong",
    [{"begins": "Friday 16:00"}, {"begins": "Fri 25:00"}, {"begins": "Fri"}, {"timezone": "Berlin"},
     {"timezone": "../etc"}, {"begins": "mon 08:00"}],
)  # fmt: skip
def test_a_freeze_that_says_nothing_is_refused(wrong):
    with pytest.raises(ValidationError):
        Freeze(**({"begins": "Fri 16:00", "ends": "Mon 08:00"} | wrong))


def test_in_mode_approve_a_retraining_is_proposed_where_nothing_else_objects():
    governor = Governor(mode="approve")
    asked = {"history": (), "now": NOW, "lease_held": False}
    assert may_be_proposed(govern(governor, **asked, new_labels=1000))
    assert not may_be_proposed(govern(governor, **asked, new_labels=1))
    assert not may_be_proposed(govern(Governor(mode="suggest"), **asked, new_labels=1000))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (None, "proposed"),
        ("promoted", "promoted"),
        ("declined", "refused"),
        ("expired", "refused"),
        ("void", "refused"),
    ],
)
def test_a_training_whose_candidate_is_proposed_ends_as_people_answer(answer, outcome):
    told = [
        decided("monitoring", "triggered", {"token": "t"}),
        decided("training", "proposed", {"token": "t", "version": 3, "cpu_seconds": 1.0}),
    ]
    answered = [] if answer is None else [ended(answer, "promotion" if answer == "promoted" else "approval")]
    assert [one.outcome for one in past_trainings(entries(*told, *answered), live=False)] == [outcome]


def test_a_retraining_that_people_approved_counts_as_one_that_was_started():
    started = decided("approval", "triggered", {"token": "t", "of": "monitoring", "version": 1, "proposal": "m"})
    (one,) = past_trainings(entries(started), live=True)
    assert one.outcome == "running"


def test_a_ban_has_no_end_and_names_its_reason():
    taken_back = decided("rollback", "rolled back", {"version": 1, "replaces": 3, "banned": True})
    told = entries(taken_back, decided("promotion", "promoted", {"version": 5, "sha256": "x", "replaces": 1}))
    assert banned(told) == {3: "so it is"}
    assert judge_ban(told, 3).numbers["rule"] == "banned"
    assert judge_ban(told, 1).passed
