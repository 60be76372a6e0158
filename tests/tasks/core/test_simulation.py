"""Nothing sees the future, each policy does what its name says, and a change of the law is answered."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import deciding, probe, rehearsal
from tasks.core.errors import ConfigInvalid
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.fitting import LABEL
from tasks.core.gates import BeatsChampion, BeatsDummy, Sanity
from tasks.core.history import KNOWN_AT, History
from tasks.core.policies import DriftedShare, EveryWindow, Keepfit, Never, PerformanceThreshold
from tasks.core.results import Check, Verdict, Window
from tasks.core.simulation import Change, moments_between, simulate
from tasks.core.triggers import DataDrift, NewLabels
from tests.tasks.core.histories import DAY, SETTING, START, moments, tables

DECIDING = (DriftedShare(), PerformanceThreshold(), Keepfit())
SHORT_OF_ROWS = replace(SETTING, gates=(Sanity(), BeatsDummy(), BeatsChampion(margin=0.0, min_rows=60)))


def run(policy, history, setting=SETTING, when=None, trainer=None):
    return list(simulate(history, setting, policy, when or moments(), trainer))


def decisions(periods, until):
    return [(p.as_of, p.model, p.asked, p.trained, p.promoted, p.reason) for p in periods if p.as_of <= until]


def scrambled(events, labels, as_of, rng):
    """The same past up to a moment, and another future: rows, times and labels of after it are changed at random."""
    events, labels = events.reset_index(drop=True), labels.reset_index(drop=True)
    late = (events[EVENT_TIME] >= as_of).to_numpy()
    events.loc[late, "x"] = rng.normal(50, 9, late.sum())
    events.loc[late, EVENT_TIME] += pd.to_timedelta(rng.integers(0, 9, late.sum()), unit="D")
    unknown = (labels[KNOWN_AT] > as_of).to_numpy()
    labels.loc[unknown, LABEL] = rng.normal(-99, 9, unknown.sum())
    labels.loc[unknown, KNOWN_AT] += pd.to_timedelta(rng.integers(0, 9, unknown.sum()), unit="D")
    kept = rng.random(len(labels)) < 0.9
    return events, labels[~unknown | kept]


@given(st.integers(0, 10**6), st.sampled_from(DECIDING), st.integers(1, 5), st.sampled_from([SETTING, SHORT_OF_ROWS]))
@settings(deadline=None, max_examples=10)
def test_no_decision_depends_on_what_was_not_known_yet(seed, policy, place, setting):
    rng = np.random.default_rng(seed)
    events, labels = tables(seed=seed, changes_on=rng.integers(60, 200), moves_on=rng.integers(60, 200))
    # Labels become known long after their events, and events move, so that every order of the two occurs.
    labels[KNOWN_AT] += pd.to_timedelta(rng.exponential(10, len(labels)), unit="D").round("us")
    events[EVENT_TIME] += pd.to_timedelta(rng.uniform(-3, 3, len(events)), unit="D").round("us")
    as_of = moments()[place]
    told = run(policy, History.of(events, labels), setting)
    other = run(policy, History.of(*scrambled(events, labels, as_of, rng)), setting)
    assert decisions(told, as_of) == decisions(other, as_of)


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=4)
def test_a_training_gets_rows_and_labels_that_were_known_and_a_duel_none_that_was_seen(seed):
    rng = np.random.default_rng(seed)
    events, labels = tables(seed=seed)
    labels[KNOWN_AT] += pd.to_timedelta(rng.exponential(10, len(labels)), unit="D").round("us")
    given_rows = []

    def spy(rows, tried):
        given_rows.append(rows)
        return rehearsal.train(rows, tried)

    periods = run(EveryWindow(), History.of(events, labels), trainer=spy)
    assert len(given_rows) == len(periods) == sum(p.trained for p in periods)
    known_at, time_of = labels.set_index(ROW_ID)[KNOWN_AT], events.set_index(ROW_ID)[EVENT_TIME]
    for period, rows in zip(periods, given_rows, strict=True):
        assert len(rows) > 0
        assert (rows[ROW_ID].map(known_at) <= period.as_of).all()
        assert (rows[ROW_ID].map(time_of) < period.as_of).all()


def test_rows_that_the_champion_has_seen_stay_out_of_the_duel():
    past = History.of(*tables()).at(START + 100 * DAY)
    setting = replace(SETTING, gates=(SETTING.gates[2],))

    candidate = rehearsal.contestant(past, setting, rehearsal.train, 2)
    champion = replace(candidate, number=1, seen=pd.concat([candidate.seen, candidate.judged_on.iloc[:-30]]))
    told = rehearsal.judge(candidate, champion, setting, ())[0].reason
    assert "equivalent: both predict the same on 30 rows" in told


def test_each_policy_retrains_when_its_name_says():
    history = History.of(*tables(moves_on=110))
    policies = (Never(), EveryWindow(), DriftedShare(threshold=0.5), PerformanceThreshold(max_loss=0.5), Keepfit())
    told = {policy.kind: run(policy, history) for policy in policies}
    asked = {kind: [p.as_of for p in periods if p.asked] for kind, periods in told.items()}
    assert asked["never"] == []
    assert asked["every_window"] == moments()[1:-1]
    assert asked["drifted_share"][0] == START + 120 * DAY  # x is one column of two
    assert asked["performance_threshold"] == []  # the law is the same
    assert asked["keepfit"] == []
    noted = next(p for p in told["keepfit"] if p.as_of == START + 120 * DAY)
    assert noted.reason.startswith("note: data_drift")
    assert len({periods[0].score for periods in told.values()}) == 1  # all begin with the same model


@given(st.integers(0, 10**6), st.sampled_from(DECIDING), st.integers(1, 5), st.integers(2, 9))
@settings(deadline=None, max_examples=6)
def test_no_check_within_a_period_depends_on_what_was_not_known_yet(seed, policy, place, days):
    rng = np.random.default_rng(seed)
    events, labels = tables(seed=seed, changes_on=rng.integers(60, 200))
    labels[KNOWN_AT] += pd.to_timedelta(rng.exponential(10, len(labels)), unit="D").round("us")
    as_of = moments()[place] + 7 * DAY
    both = [
        [one for period in simulate(past, SETTING, policy, moments(), check_every=days * DAY)
         for one in period.decisions if one.as_of <= as_of]
        for past in (History.of(events, labels), History.of(*scrambled(events, labels, as_of, rng)))
    ]  # fmt: skip
    assert both[0] == both[1]


def test_within_a_period_keepfit_decides_as_its_cycle_would_and_each_row_is_scored_by_who_served_then():
    """Periods of 20 days with a check every four are what periods of four days are, told together."""
    history = History.of(*tables(changes_on=100, per_day=12))
    patient = replace(SETTING, governor=SETTING.governor.model_copy(update={"cooldown": 10 * DAY}))
    often = list(simulate(history, patient, Keepfit(), moments(), check_every=4 * DAY))
    fine = run(Keepfit(), history, patient, moments(every=4))
    assert [one for period in often for one in period.decisions] == [one for p in fine for one in p.decisions]
    for place, period in enumerate(often):
        within = fine[5 * place : 5 * place + 5]
        assert [period.rows, period.model] == [sum(one.rows for one in within), within[-1].model]
        errors = sum(one.score * one.rows for one in within)
        assert period.score == pytest.approx(errors / period.rows)
    changed = next(period for period in often if period.replaced)
    replaced = next(one.as_of for one in changed.decisions if one.replaced)
    assert changed.as_of < replaced < next(p.as_of for p in run(Keepfit(), history, patient) if p.replaced)
    assert f"{replaced:%Y-%m-%d}: " in changed.reason


def test_policies_that_go_by_periods_do_not_look_within_them():
    history = History.of(*tables())
    for policy in (Never(), EveryWindow(), PerformanceThreshold()):
        often = list(simulate(history, SETTING, policy, moments(), check_every=3 * DAY))
        assert often == run(policy, history)


def test_a_last_check_lies_within_its_period_and_a_length_of_nothing_is_refused():
    history = History.of(*tables())
    periods = list(simulate(history, SETTING, Keepfit(), moments(), check_every=15 * DAY))
    assert [len(period.decisions) for period in periods] == [2] * len(periods)  # the periods are of 20 days
    assert [len(p.decisions) for p in simulate(history, SETTING, Keepfit(), moments(), check_every=20 * DAY)] == [1] * 7
    with pytest.raises(ConfigInvalid, match="check_every is 0:00:00, and has to be longer than nothing"):
        list(simulate(history, SETTING, Keepfit(), moments(), check_every=0 * DAY))


def test_a_changed_law_is_answered_by_a_promotion_and_the_score_recovers():
    history = History.of(*tables(changes_on=100, per_day=12))
    periods = run(Keepfit(), history)
    never = run(Never(), history)
    promoted = [p.as_of for p in periods if p.asked and p.promoted]
    assert promoted, [p.reason for p in periods]
    assert promoted[0] >= START + 120 * DAY
    assert periods[-1].score < 0.5
    assert never[-1].score > 3
    assert next(p.as_of for p in run(PerformanceThreshold(), history) if p.asked) == START + 120 * DAY


def test_a_refused_candidate_does_not_serve():
    setting = replace(SETTING, gates=(*SETTING.gates, SETTING.gates[2].model_copy(update={"min_rows": 10**6})))
    history = History.of(*tables(changes_on=100, per_day=12))
    periods = run(Keepfit(), history, setting)
    assert any(p.trained and p.asked for p in periods)
    assert not any(p.promoted for p in periods if p.asked)
    assert {p.model for p in periods} == {1}
    assert "refused" in next(p.reason for p in periods if p.asked)
    assert sum(p.asked for p in periods) == SETTING.governor.give_up_after
    assert "circuit_breaker" in periods[-1].reason


@pytest.mark.parametrize("retry_after", [None, 20 * DAY])
def test_after_an_open_breaker_a_champion_is_replaced_only_where_one_more_may_be_tried(retry_after):
    """The gates refuse whoever is better until the breaker is open; then they judge well, and nobody is at home."""
    able = replace(SETTING, governor=SETTING.governor.model_copy(update={"retry_after": retry_after}))
    unable = replace(SETTING, gates=(*SETTING.gates, SETTING.gates[2].model_copy(update={"accept": ("equivalent",)})))
    history, when = History.of(*tables(changes_on=100, per_day=12)), moments()
    futile = list(simulate(history, unable, Keepfit(), when))
    opened = next(p.as_of for p in futile if "circuit_breaker" in p.reason)
    periods = list(simulate(history, unable, Keepfit(), when, change=Change(opened, able)))
    assert any(p.promoted for p in periods if p.as_of >= opened) == (retry_after is not None)
    assert (periods[-1].score < 0.5) == (retry_after is not None)


def test_a_candidate_that_lacked_evidence_is_promoted_when_there_is_enough_and_not_trained_again():
    periods = run(Keepfit(), History.of(*tables(changes_on=100)), SHORT_OF_ROWS)
    waited = next(number for number, period in enumerate(periods) if period.promoted and not period.trained)
    before, now = periods[waited - 1 : waited + 1]
    assert "at least 60 are needed; wait for more labelled rows" in before.reason
    assert (before.trained, before.promoted, before.model) == (True, False, 1)
    assert (now.asked, now.model, now.decisions[0].seconds) == (False, 3, 0.0)
    assert now.reason.startswith("version 3 promoted on 126 rows")
    assert now.score < 1 < before.score
    assert [period.replaced for period in periods] == [number == waited for number in range(len(periods))]


def test_from_the_moment_that_a_person_decides_nobody_is_promoted_by_waiting():
    suggested = replace(SHORT_OF_ROWS, governor=SETTING.governor.model_copy(update={"mode": "suggest"}))
    change = Change(START + 160 * DAY, suggested)
    periods = simulate(History.of(*tables(changes_on=100)), SHORT_OF_ROWS, Keepfit(), moments(), change=change)
    assert not any(period.replaced for period in periods)


def test_each_look_at_who_waits_is_counted(monkeypatch):
    given, judge = [], rehearsal.judge

    def watched(candidate, champion, setting, looks):
        given.append((candidate, len(looks)))
        return judge(candidate, champion, setting, looks)

    monkeypatch.setattr(rehearsal, "judge", watched)
    patient = replace(
        SHORT_OF_ROWS, gates=(Sanity(), BeatsDummy(), BeatsChampion(margin=0.0, min_rows=150)),
        governor=SETTING.governor.model_copy(update={"cooldown": 99 * DAY}),
        performance=SETTING.performance.model_copy(update={"window": 10 * DAY}),
    )  # fmt: skip
    run(Keepfit(), History.of(*tables(days=260, changes_on=84)), patient, moments(last=260))
    again = [(len(one.judged_on), looks) for one, looks in given if one.number == 2]
    first = again[0][1]
    assert [looks for _, looks in again] == [first, first + 1, first + 2]
    assert all(len(one.predicted) == len(one.judged_on) for one, _ in given)


def test_a_training_whose_candidate_was_promoted_later_counts_as_useful():
    told = []

    class Spy(Keepfit):
        def asks(self, sight, trainings):
            told.append([one.outcome for one in trainings])
            return super().asks(sight, trainings)

    run(Spy(), History.of(*tables(changes_on=100)), SHORT_OF_ROWS)
    assert told[-1] == ["promoted", "refused", "promoted"]


def test_who_is_judged_again_is_not_asked_about_a_row_that_it_has_seen():
    history = History.of(*tables())
    past = history.at(START + 100 * DAY)
    candidate = rehearsal.contestant(history.at(START + 80 * DAY), SETTING, rehearsal.train, 1)
    again = deciding.with_newest(candidate, past)
    assert len(again.judged_on) == len(again.predicted) > len(candidate.judged_on)
    knowing = replace(candidate, seen=pd.concat([candidate.seen, again.judged_on.tail(3)]))
    assert list(deciding.with_newest(knowing, past).judged_on[ROW_ID]) == list(again.judged_on[ROW_ID])[:-3]


def test_a_history_that_is_too_short_is_a_period_without_a_model():
    periods = run(Keepfit(), History.of(*tables()), when=[START + day * DAY for day in (1, 21, 41, 61)])
    assert [p.model for p in periods] == [0, 0, 1]
    assert [p.score is None for p in periods] == [True, True, False]
    assert "no training" in periods[0].reason
    assert not any(p.asked for p in periods)


def test_moments_are_whole_periods_back_from_the_end():
    span = Window(START, START + 90 * DAY)
    assert moments_between(span, 20 * DAY) == [START + day * DAY for day in (30, 50, 70, 90)]
    assert moments_between(span, 25 * DAY) == [START + day * DAY for day in (40, 65, 90)]
    assert moments_between(span, 30 * DAY, START, START + 60 * DAY) == [START + day * DAY for day in (0, 30, 60)]
    with pytest.raises(ConfigInvalid, match="no whole period of 80d"):
        moments_between(span, timedelta(days=80))


def test_the_simulator_asks_the_probe_before_it_trains_and_counts_what_that_costs():
    """x moves and harms nothing, and this pipeline retrains for that: the search would be for nothing."""
    eager = (DataDrift(when_unlabelled_only=False),)
    setting = replace(SETTING, triggers=eager, gates=(*SETTING.gates[:2], SETTING.gates[2].model_copy(
        update={"margin": 0.2})), governor=SETTING.governor.model_copy(update={"give_up_after": 2}))  # fmt: skip
    history = History.of(*tables(moves_on=110, per_day=16))

    def refitter(rows, recipes, positions):
        return probe.refit(rows, recipes, positions), 7.0

    when = moments()
    probed = list(simulate(history, setting, Keepfit(), when, refitter=refitter))
    held = [p for p in probed if "spared by the probe: a retraining would not help" in p.reason]
    assert len(held) == 2, [p.reason for p in probed]
    told = [one for p in held for one in p.decisions]
    assert all((one.asked, one.trained, one.remedy, one.seconds) == (False, False, "retrain", 7.0) for one in told)
    assert any("circuit_breaker" in p.reason for p in probed), "no storm of probes either"
    assert any(p.asked for p in run(Keepfit(), history, replace(setting, probe="never")))


def timed(rows, tried):
    """A training as usual, which is said to take half a minute."""
    return replace(rehearsal.train(rows, tried), seconds=30.0)


def test_every_training_is_held_against_the_budget_by_what_it_and_its_probe_cost():
    remembered = []

    class Always(Keepfit):
        def asks(self, _sight, trainings):
            remembered[:] = [trainings]
            return Check("always", Verdict.FAIL, "it is time")

    def refitter(rows, recipes, positions):
        return probe.refit(rows, recipes, positions), 7.0

    history = History.of(*tables(moves_on=110, changes_on=100, per_day=16))
    periods = list(simulate(history, SETTING, Always(), moments(), timed, refitter=refitter))
    assert {p.decisions[0].seconds for p in periods} == {30.0, 7.0, 37.0}
    past = [(one.decided_at, one.cpu_seconds) for one in remembered[0]]
    assert past == [(p.as_of, p.decisions[0].seconds) for p in periods]


def test_a_budget_of_cpu_minutes_lets_so_many_trainings_pass_and_no_more():
    limits = SETTING.governor.model_copy(update={"cpu_minutes": 1.25, "period": 365 * DAY, "give_up_after": 9})
    gates = (Sanity(), BeatsDummy())  # nobody waits for evidence, so that each moment asks the governor
    setting = replace(SETTING, triggers=(NewLabels(at_least=1),), governor=limits, probe="never", gates=gates)
    periods = run(Keepfit(), History.of(*tables()), setting, trainer=timed)
    assert [p.trained for p in periods] == [True] * 3 + [False] * 4
    assert ["cpu_budget: 1.5 CPU minutes within 365d, the budget is 1.25" in p.reason for p in periods] == [
        not p.trained for p in periods
    ]


@pytest.mark.parametrize(("begins", "told"), [(93, True), (106, False)])
def test_a_passing_shock_is_waited_out_or_at_least_promotes_nothing(begins, told):
    """Ten days of another law in windows of twenty, without a probe. In a window's middle it looks like a decay."""
    events, labels = tables(per_day=12)
    age = (events.set_index(ROW_ID)[EVENT_TIME] - START) / DAY
    odd = labels[ROW_ID].map((age >= begins) & (age < begins + 10)).to_numpy()
    x = labels[ROW_ID].map(events.set_index(ROW_ID)["x"])
    shaken = labels.assign(**{LABEL: labels[LABEL] - 6 * x * odd})
    periods = run(Keepfit(), History.of(events, shaken), replace(SETTING, probe="never"), when=moments(last=140))
    assert any(p.asked for p in periods) is not told, [p.reason for p in periods]
    assert not any(p.asked and p.promoted for p in periods)
    assert ("wait" in {p.decisions[0].remedy for p in periods}) is told
