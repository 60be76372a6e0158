"""Task wrappers of the scoring stage: the champion, verified, scores each batch once."""

import logging
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from prefect import task

from tasks.adapters import cleanroom, registry
from tasks.adapters.faults import fault_point
from tasks.adapters.leases import Lease
from tasks.adapters.registry import ModelVersion
from tasks.core.features import EVENT_TIME, ROW_ID, design_matrix
from tasks.core.metrics import Problem
from tasks.core.results import Decision, Verdict
from tasks.core.scoring import predict_each
from tasks.retrying import STEP
from tasks.session import Session
from tasks.versions import facts_of

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


@task(name="find unscored batches", **STEP)
def find_unscored(session: Session, version: ModelVersion, lookback: Any) -> list[str]:
    """Batches with rows that the version was not trained on, which it has not scored; none that reach past `as_of`."""
    store = session.store
    due = batches_of_interest.fn(session, version, lookback)
    return [batch for batch in due if not store.committed("predictions", f"{batch}@{version.number}")]


@task(name="find batches of interest", **STEP)
def batches_of_interest(session: Session, version: ModelVersion, lookback: Any) -> list[str]:
    """Batches with rows that the version was not trained on, none that reach past `as_of`, in order of event time."""
    batches = session.store.read("batches")
    if batches.empty:
        return []
    batches = batches[(batches["kind"] == "events") & (batches["accepted"] > 0)]
    gone = session.store.read("superseded", ["of_batch"])["of_batch"].value_counts()
    batches = batches[batches["accepted"] > batches["_batch_id"].map(gone).fillna(0)]
    since: datetime = max(facts_of(version).trained_until, session.as_of - lookback)
    due = batches[(batches["last_event"] > since) & (batches["last_event"] < session.as_of)]
    return list(due.sort_values("last_event")["_batch_id"])


@task(name="load champion", **STEP)
def load_champion(session: Session, version: ModelVersion) -> Any:
    """The champion's model: its file is the one that was judged (SHA-256), or it is not loaded."""
    with TemporaryDirectory(prefix="keepfit-") as folder:
        return cleanroom.load_model(registry.fetch(session.pipeline, version, Path(folder)))


@task(name="score batch", task_run_name="score {batch_id}", **STEP)
def score_batch(
    session: Session, version: ModelVersion, model: Any, batch_id: str, problem: Problem, lease: Lease
) -> tuple[int, int]:
    """Score the accepted rows of one batch and publish all of them in one commit, once per version.

    Rows that the model cannot take go to the table `unscored`, each with its reason. Gives the rows of both kinds.
    """
    import pyarrow.compute as pc

    rows = session.store.read("events", where=pc.field("_batch_id") == batch_id)
    predictions, unscored = _predictions(rows, version, model, problem, session.as_of)
    fault_point("scoring.predicted")
    session.leases.check(lease)
    if len(unscored):
        session.store.append("unscored", unscored, f"{batch_id}@{version.number}")
    session.store.append("predictions", predictions, f"{batch_id}@{version.number}")
    fault_point("scoring.published")
    return len(predictions), len(unscored)


def _predictions(
    rows: "pd.DataFrame", version: ModelVersion, model: Any, problem: Problem, as_of: datetime
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    import pandas as pd

    predicted, refused = predict_each(model, design_matrix(rows, facts_of(version).features), problem)
    kept = rows[[ROW_ID, EVENT_TIME, "_batch_id"]].assign(
        prediction=predicted, model_version=version.number, scored_at=pd.Timestamp(as_of)
    )
    out = kept.iloc[sorted(refused)].drop(columns="prediction").assign(reason=[refused[at] for at in sorted(refused)])
    return kept[~kept["prediction"].isna()], out


@task(name="record scoring", **STEP)
def record_scoring(session: Session, version: ModelVersion, scored: dict[str, tuple[int, int]]) -> Decision:
    """Write which batches the version scored into the journal, and how many of their rows it could not."""
    rows, left = (sum(counts[place] for counts in scored.values()) for place in (0, 1))
    told = f"version {version.number} scored {rows} rows of {len(scored)} batches"
    if left:
        told += f"; {left} rows could not be scored and stand in the table unscored, with the reason"
        _log.error("%s: %s", session.pipeline, told)
    decision = Decision(
        key=f"scoring:{version.number}:{session.run_id}", pipeline=session.pipeline, kind="scoring",
        verdict=Verdict.FAIL if left else Verdict.PASS, outcome="scored", reason=told, as_of=session.as_of,
        evidence={
            "version": version.number, "batches": {batch: counts[0] for batch, counts in scored.items()},
            "unscored": {batch: counts[1] for batch, counts in scored.items() if counts[1]},
        }, run_id=session.run_id,
    )  # fmt: skip
    session.record(decision)
    fault_point("scoring.journaled")
    return decision
