"""A sample is what putting all rows in order would choose, whatever is looked at to choose it."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import sampling


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=60), st.integers(0, 70), st.integers(0, 3))
def test_the_lowest_hashes_are_chosen_and_equal_ones_as_they_stand(ids: list[str], most: int, seed: int) -> None:
    frame = pd.DataFrame({"_row_id": np.array(ids, object), "place": range(len(ids))})
    keys = pd.util.hash_array(frame["_row_id"].to_numpy(object), categorize=False)
    chosen = np.argsort(sampling.mixed(keys, seed), kind="stable")[:most]
    assert list(sampling.bounded_sample(frame, most, seed)["place"]) == list(chosen)
