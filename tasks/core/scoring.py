"""A model asked row by row where it refuses a batch whole: what it says of the rows, and which of them it cannot take.

Which rows are due, and where answers go, does not belong here.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.estimators import predict
from tasks.core.metrics import Problem

if TYPE_CHECKING:
    import pandas as pd

MOST, MOST_SHARE = 100, 0.01
NOT_FINITE = "the prediction is no finite number"


def predict_each(model: Any, matrix: "pd.DataFrame", problem: Problem) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Predictions of shape (rows,), and why a row has none (NaN there), by its position.

    A batch that the model refuses is halved until the rows are found that it cannot take. Where these are all rows, or
    more than `MOST` and more than `MOST_SHARE` of them, it is the model that is broken: what it raised last is raised.
    """
    predicted = np.full(len(matrix), np.nan)
    refused: dict[int, str] = {}
    allowed = max(MOST, int(MOST_SHARE * len(matrix)))
    waiting = [(0, len(matrix))] if len(matrix) else []
    while waiting:
        first, end = waiting.pop()
        try:
            predicted[first:end] = predict(model, matrix.iloc[first:end], problem)
        except Exception as error:  # whatever a library raises over a value
            if end - first > 1:
                middle = (first + end) // 2
                waiting += [(middle, end), (first, middle)]
                continue
            if len(refused) >= allowed or len(matrix) == len(refused) + 1 > 1:
                raise
            refused[first] = f"the model does not take the row ({type(error).__name__})"
    not_finite = {int(at): NOT_FINITE for at in np.flatnonzero(~np.isfinite(predicted)) if int(at) not in refused}
    predicted[list(not_finite)] = np.nan
    return predicted, refused | not_finite
