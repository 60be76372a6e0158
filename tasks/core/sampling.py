"""Bounded samples of frames and of streams of record batches, the same rows whatever the order in which they arrive.

No statistics here (see distances, drift) and no reading: callers hand over frames or batches.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ROW_ID = "_row_id"
_AT_ONCE = 65_536  # texts that are Python's, too
Hashes = NDArray[np.uint64]


def mixed(keys: Hashes, seed: int) -> Hashes:
    """Turn 64-bit keys into 64-bit hashes that differ by seed.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    """
    gamma = np.uint64((0x9E3779B97F4A7C15 * (seed + 1)) & 0xFFFFFFFFFFFFFFFF)
    with np.errstate(over="ignore"):
        hashed = keys + gamma
        hashed = (hashed ^ (hashed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashed = (hashed ^ (hashed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashed ^ (hashed >> np.uint64(31))


def bounded_sample(frame: "pd.DataFrame", max_rows: int, seed: int) -> "pd.DataFrame":
    """Return at most `max_rows` rows of `frame`, drawn without replacement, index reset.

    With a `_row_id` column the result (rows and their order) depends on the set of rows and the seed only, not on the
    order of `frame`. Without one, the position of a row stands in for its id.
    """
    priority = _frame_hashes(frame, seed)
    chosen = _lowest(priority, max_rows)
    return frame.iloc[chosen].reset_index(drop=True)


def _lowest(hashes: Hashes, count: int) -> NDArray[np.int64]:
    """The places of the lowest hashes in order, equal ones as they stand; without putting all of them in order."""
    places = np.arange(len(hashes))
    if 0 < count < len(hashes):
        places = np.flatnonzero(hashes <= np.partition(hashes, count - 1)[count - 1])
    return places[np.argsort(hashes[places], kind="stable")[:count]]


def _frame_hashes(frame: "pd.DataFrame", seed: int) -> Hashes:
    import pandas as pd

    if ROW_ID not in frame.columns:
        return mixed(np.arange(len(frame), dtype=np.uint64), seed)
    ids, hashed = frame[ROW_ID], np.empty(len(frame), np.uint64)
    for start in range(0, len(ids), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        hashed[part] = pd.util.hash_array(ids.iloc[part].to_numpy(dtype=object), categorize=False)
    return mixed(hashed, seed)


def bounded_sample_batches(batches: Iterable["pa.RecordBatch"], max_rows: int, seed: int) -> "pd.DataFrame":
    """Draw the sample that `bounded_sample` would draw from all batches together, in bounded memory.

    Bottom-k sampling: of all rows seen so far, the `max_rows` with the smallest hashes are kept; a batch costs the hash
    of its ids, and the few rows under the current bound. Holds at most about `2 * max_rows` rows and one batch.
    Source: Cohen and Kaplan, Summarizing data using bottom-k sketches, PODC 2007.

    Returns an empty frame with the columns of the batches; a frame without columns where there was no batch at all.
    """
    import pandas as pd
    import pyarrow as pa

    kept: list[pa.Table] = []
    hashes: list[Hashes] = []
    bound = np.uint64(0xFFFFFFFFFFFFFFFF)
    for batch, priority in _hashed_batches(batches, seed):
        below = np.flatnonzero(priority <= bound)
        kept.append(pa.Table.from_batches([batch.take(pa.array(below))]))
        hashes.append(priority[below])
        if sum(map(len, hashes)) >= 2 * max_rows:
            table, order = _smallest(kept, hashes, max_rows)
            kept, hashes, bound = [table], [order], order[-1]
    if not kept:
        return pd.DataFrame()
    frame: pd.DataFrame = _smallest(kept, hashes, max_rows)[0].to_pandas()
    return frame


def _hashed_batches(batches: Iterable["pa.RecordBatch"], seed: int) -> Iterator[tuple["pa.RecordBatch", Hashes]]:
    import pandas as pd

    position = 0
    for batch in batches:
        if ROW_ID in batch.schema.names:
            ids = batch.column(ROW_ID).to_numpy(zero_copy_only=False)
            keys = pd.util.hash_array(ids.astype(object, copy=False), categorize=False)
        else:
            keys = np.arange(position, position + batch.num_rows, dtype=np.uint64)
            position += batch.num_rows
        yield batch, mixed(keys, seed)


def _smallest(tables: list["pa.Table"], hashes: list[Hashes], max_rows: int) -> tuple["pa.Table", Hashes]:
    import pyarrow as pa

    joined = np.concatenate(hashes)
    chosen = _lowest(joined, max_rows)
    return pa.concat_tables(tables).take(pa.array(chosen)).combine_chunks(), joined[chosen]
