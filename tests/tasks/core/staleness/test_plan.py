from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.gates import BeatsChampion, BeatsDummy
from tasks.core.performance import Performance
from tasks.core.results import Window
from tasks.core.staleness.plan import Plan, Retraining, make_plan, rules_of
from tasks.core.timeline import serving_at
from tests.tasks.core.staleness.worlds import DAY, DELAY, LENGTH, RULES, START, journal

CHANGES = ((0, 1, None), (15, 2, 1), (30, 1, -2), (47, 3, 1))


def at(day):
    return START + day * DAY


def test_every_champion_is_asked_from_its_first_promotion_and_retrainings_are_promotions_over_another():
    found = make_plan(journal(*CHANGES), at(60), RULES)
    assert [(one.version, one.since, one.sha256) for one in found.formers] == [
        (1, at(0), "sha 1"), (2, at(15), "sha 2"), (3, at(47), "sha 3"),
    ]  # fmt: skip
    served = Window(at(15), at(30)), Window(at(47), at(57))
    assert found.retrainings == (Retraining(2, 1, served[0]), Retraining(3, 1, served[1])), "up to what labels are due"
    cuts = [window.start for window in found.windows]
    assert cuts == [at(day) for day in (0, 10, 15, 20, 30, 40, 47, 50)]
    assert found.windows[-1].end == at(57)


def test_what_was_decided_later_is_not_known_and_nobody_is_nobody():
    assert make_plan([], at(60), RULES) == Plan() == make_plan(journal(*CHANGES), at(-1), RULES)
    early = make_plan(journal(*CHANGES), at(16), RULES)
    assert [one.version for one in early.formers] == [1, 2]
    assert early.windows[-1].end == at(13), "no label of version 2's rows is due"
    (retraining,) = early.retrainings
    assert retraining.served == Window(at(15), at(15))


@given(st.lists(st.floats(0.01, 40), min_size=0, max_size=6), st.floats(0, 200), st.floats(0.5, 60))
def test_windows_cover_the_time_once_and_one_version_serves_in_each(gaps, until, length):
    days = [sum(gaps[:n]) for n in range(len(gaps) + 1)]
    changes = [(day, n + 1, n or None) for n, day in enumerate(days)]
    rules, as_of = RULES.__class__(**{**RULES.__dict__, "window": timedelta(days=length)}), at(until)
    found = make_plan(journal(*changes), as_of, rules)
    due = as_of - DELAY
    assert all(before.end == after.start for before, after in pairwise(found.windows))
    if found.windows:
        assert (found.windows[0].start, found.windows[-1].end) == (at(0), due)
    else:
        assert due <= at(0)
    for window in found.windows:
        assert timedelta(0) < window.end - window.start <= rules.window
        last = window.end - timedelta(microseconds=1)
        assert serving_at(found.terms, window.start) == serving_at(found.terms, last) is not None
    for one in found.retrainings:
        assert one.served.start <= one.served.end <= max(due, one.served.start)


def test_duels_follow_the_gate_of_the_pipeline_and_windows_its_performance_check():
    performance = Performance(window=LENGTH, min_rows=70, min_label_share=0.5)
    gate = BeatsChampion(margin=0.2, confidence=0.9, min_rows=300)
    told = rules_of("mae", performance, (BeatsDummy(), gate), DELAY, 4)
    assert (told.window, told.min_rows, told.min_label_share, told.delay, told.seed) == (LENGTH, 70, 0.5, DELAY, 4)
    assert (told.margin, told.confidence, told.duel_rows) == (0.2, 0.9, 300)
    bare = rules_of("mae", performance, (BeatsDummy(),), DELAY, 4)
    assert (bare.margin, bare.confidence, bare.duel_rows) == pytest.approx((0.0, 0.95, 200))
