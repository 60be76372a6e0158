"""The task that gathers what gates judge: both models asked in clean processes, on rows that neither was trained on."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from prefect import task

from tasks.adapters import cleanroom, fits, labelled, registry
from tasks.adapters.registry import ModelVersion
from tasks.core import fitting, ledger
from tasks.core.errors import ArtefactMismatch
from tasks.core.features import EVENT_TIME, ROW_ID, design_matrix
from tasks.core.gates import CleanRoom, Footprint, Gate, GateEvidence, columns_named, question_of
from tasks.core.metrics import MetricName, problem_of
from tasks.retrying import STEP
from tasks.session import Session
from tasks.training import labelled_rows
from tasks.versions import Facts, facts_of

if TYPE_CHECKING:
    import pandas as pd

# The first prediction of a process warms caches up, and a neighbour on the machine disturbs the one or the other.
_TRIES = 3


@task(name="gather evidence", **STEP)
def gather_evidence(
    session: Session,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    metric: MetricName,
    gates: Sequence[Gate],
    seed: int,
) -> GateEvidence:
    """Both models, each from its registered file in a clean process, on the rows that neither was trained on."""
    facts, tries = facts_of(candidate), _TRIES if any(gate.kind == "resources" for gate in gates) else 1
    fresh = _fresh(session, facts, champion)
    kept = fits.evaluation(session.store, facts.key)
    clean, predicted, cost = _clean(session, candidate, metric, fresh, kept, tries)
    rival, cost_of_rival = (None, None) if champion is None else ask(session, champion, metric, fresh, tries)
    looks = ledger.looks_of(session.journal.entries("promotion"))
    replaces, question = None if champion is None else champion.number, question_of(gates, metric, seed)
    named = [name for name in columns_named(gates) if name in fresh.columns]
    return GateEvidence(
        metric=metric, actual=fresh[fitting.LABEL].to_numpy("float64"), candidate=predicted, champion=rival,
        champion_state="none" if champion is None else "present", dummy=_dummy(kept, fresh),
        blocks=fitting.days_of(fresh), clean=clean, seed=seed, row_set=ledger.row_set(fresh),
        looks=ledger.times_looked(fresh, looks, version=candidate.number, replaces=replaces, question=question),
        question=question,
        features=design_matrix(fresh, facts.features).reset_index(drop=True),
        columns=fresh[named].reset_index(drop=True), footprint=cost, champion_footprint=cost_of_rival,
    )  # fmt: skip


def _fresh(session: Session, facts: Facts, champion: ModelVersion | None) -> "pd.DataFrame":
    """The candidate's evaluation part; of an earlier candidate, all rows since that part began with a label by now."""
    rows = labelled_rows(session.store, facts.snapshot)
    fresh = rows.iloc[fitting.parts_of(rows, facts.split).evaluation]
    if session.as_of > facts.snapshot.as_of and len(fresh):
        began = fresh[EVENT_TIME].min().to_pydatetime()
        newest = labelled.rows_between(session.store, began, session.as_of, session.as_of)
        fresh = newest[~newest[ROW_ID].isin(seen_ids(session, facts))].sort_values([EVENT_TIME, ROW_ID])
    return fresh if champion is None else fresh[~fresh[ROW_ID].isin(seen_ids(session, facts_of(champion)))]


def seen_ids(session: Session, facts: Facts) -> "pd.Series":
    """The ids of the rows that a version was fitted on."""
    rows = labelled_rows(session.store, facts.snapshot)
    return rows[ROW_ID].iloc[fitting.seen_positions(rows, facts.split, facts.history)]


def ask(
    session: Session, version: ModelVersion, metric: MetricName, rows: "pd.DataFrame", tries: int
) -> tuple[np.ndarray, Footprint | None]:
    """What a version's registered file predicts for the rows in a clean process, and what that took."""
    with TemporaryDirectory(prefix="keepfit-") as folder:
        path = registry.fetch(session.pipeline, version, Path(folder))
        if rows.empty:
            return np.empty(0), None  # no row is fresh to both: there is nothing to ask about
        matrix = design_matrix(rows, facts_of(version).features)
        answer = cleanroom.ask_in_clean_process(path, matrix, problem_of(metric), tries)
        cost = Footprint(path.stat().st_size, answer.seconds / len(rows), answer.memory)
        return answer.predicted, cost


def _clean(
    session: Session,
    candidate: ModelVersion,
    metric: MetricName,
    rows: "pd.DataFrame",
    kept: "pd.DataFrame | None",
    tries: int,
) -> tuple[CleanRoom, np.ndarray, Footprint | None]:
    try:
        predicted, cost = ask(session, candidate, metric, rows, tries)
    except ArtefactMismatch as error:
        nothing = np.full(len(rows), np.nan)
        return CleanRoom(False, "SHA-256" not in str(error), None, str(error)), nothing, None
    if kept is None:
        why = "what it predicted after the fit is not kept any more; train again"
        return CleanRoom(True, True, None, why), predicted, cost
    if rows.empty:
        return CleanRoom(True, True, None, "there are 0 rows that neither model was trained on"), predicted, cost
    then = kept.set_index(ROW_ID)["prediction"].reindex(rows[ROW_ID]).to_numpy("float64")
    known = rows[ROW_ID].isin(kept[ROW_ID]).to_numpy()  # rows of a later moment were not predicted then
    if not known.any():
        return CleanRoom(True, True, None, "no row of its evaluation part is fresh to both models"), predicted, cost
    return CleanRoom(True, True, float(np.abs(predicted - then)[known].max()), "loaded and asked"), predicted, cost


def _dummy(kept: "pd.DataFrame | None", rows: "pd.DataFrame") -> np.ndarray:
    """The baseline's predictions: it knows no inputs, so that it says of every row what it said of the first."""
    return np.full(len(rows), np.nan if kept is None or kept.empty else float(kept["dummy"].iloc[0]))
