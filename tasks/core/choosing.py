"""Which trial wins the search. Judged on the tuning part only; the evaluation part never chooses."""

from collections.abc import Sequence
from math import isfinite

from tasks.core.errors import DataRejected
from tasks.core.metrics import MetricName, greater_is_better


def best_of(scores: Sequence[float], metric: MetricName) -> int:
    """Position of the best score; of equal ones the first, so that the answer does not depend on luck.

    Raises:
        DataRejected: there is no finite score to choose from.
    """
    finite = [(score, position) for position, score in enumerate(scores) if isfinite(score)]
    if not finite:
        raise DataRejected("No trial of the search gave a finite score. Check the features and the search's budget.")
    sign = -1 if greater_is_better(metric) else 1
    return min(finite, key=lambda pair: (sign * pair[0], pair[1]))[1]
