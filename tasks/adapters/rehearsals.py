"""Fits of simulations, kept in the store's cache: the same rows, recipes and code are never fitted twice.

Only a simulation reads them. A version's own fits are `fits`'s; nothing here can become a candidate.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from time import thread_time
from typing import TYPE_CHECKING

from tasks.adapters.cleanroom import load_model, save_model_file
from tasks.adapters.store import Store
from tasks.adapters.store.snapshots import content_digest
from tasks.core import rehearsal
from tasks.core.errors import ArtefactMismatch
from tasks.core.fitting import Recipe
from tasks.core.records import read_object
from tasks.core.rehearsal import Trained

if TYPE_CHECKING:
    import pandas as pd

_MODEL, _FACTS = "model.skops", "fit.json"


def fit(store: Store, rows: "pd.DataFrame", tried: Sequence[Recipe], code_digest: str) -> Trained:
    """The winner of the recipes on these rows, fitted now or found; `seconds` is what fitting took of one core."""
    from threadpoolctl import threadpool_limits

    folder = store.cache_path("rehearsals", _key(rows, tried, code_digest))
    if (found := _find(folder, tried)) is not None:
        return found
    began = thread_time()
    with threadpool_limits(limits=1):  # one core each: policies run side by side, and seconds are counted
        trained = rehearsal.train(rows, tried)
    seconds = thread_time() - began
    _keep(folder, trained, tried.index(trained.recipe), seconds)
    return Trained(trained.model, trained.recipe, seconds)


def _key(rows: "pd.DataFrame", tried: Sequence[Recipe], code_digest: str) -> str:
    import pyarrow as pa

    digest = content_digest(pa.Table.from_pandas(rows, preserve_index=False))
    texts = [digest, code_digest, *(recipe.as_text() for recipe in tried)]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _find(folder: Path, tried: Sequence[Recipe]) -> Trained | None:
    try:
        facts = read_object((folder / _FACTS).read_bytes())
        return Trained(load_model(folder / _MODEL), tried[facts["recipe"]], float(facts["seconds"]))
    except (OSError, ValueError, LookupError, TypeError, OverflowError, ArtefactMismatch):
        return None


def _keep(folder: Path, trained: Trained, recipe: int, seconds: float) -> None:
    """The folder appears whole or not at all; of two that fit the same at the same time, the later one stands."""
    unfinished = Path(mkdtemp(prefix=f".{folder.name[:16]}-", dir=folder.parent))
    save_model_file(trained.model, unfinished / _MODEL)
    (unfinished / _FACTS).write_text(json.dumps({"recipe": recipe, "seconds": seconds}), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        unfinished.rename(folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
