"""The bound of the benchmark is the least that any sequence of choices reaches: held against all of them."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hindsight import best_timing


def least_of_all(errors, passed, most, first):
    """Every sequence of (promote who waits?, train?) played out, one after the other."""
    periods, found = len(errors), []
    for choices in itertools.product(itertools.product((False, True), repeat=2), repeat=periods):
        champion, waiting, trained, total = 0, None, 0, 0.0
        for t, (promote, train) in enumerate(choices):
            if promote and waiting is not None and (champion, waiting, t) in passed:
                champion, waiting = waiting, None
            if train and t:
                trained += 1
                champion, waiting = (t, None) if (champion, t, t) in passed else (champion, t)
            total += errors[champion][t] if t >= first else 0.0
        if trained <= most:
            found.append(total / (periods - first))
    return min(found)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_sequence_of_choices_does_better_and_one_does_as_well(data):
    periods = data.draw(st.integers(1, 4))
    cell = st.integers(0, 9).map(float)
    errors = data.draw(st.lists(st.lists(cell, min_size=periods, max_size=periods), min_size=periods, max_size=periods))
    triples = [(c, k, t) for t in range(periods) for k in range(1, t + 1) for c in range(k)]
    passed = data.draw(st.sets(st.sampled_from(triples)) if triples else st.just(set()))
    most, first = data.draw(st.integers(0, periods)), data.draw(st.integers(0, periods - 1))
    bound = best_timing(errors, lambda *triple: triple in passed, most, first)
    assert bound.mean == pytest.approx(least_of_all(errors, passed, most, first))
    assert bound.retrainings <= most


def test_whom_no_gate_lets_through_never_serves():
    errors = [[5.0, 5.0, 5.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert best_timing(errors, lambda *_: False, 3).mean == 5.0
    assert best_timing(errors, lambda *_: True, 3).mean == pytest.approx(5 / 3)
    assert best_timing(errors, lambda _, candidate, t: t > candidate, 3).mean == pytest.approx(10 / 3)
