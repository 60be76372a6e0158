"""Task wrappers of the staleness curve: former champions, verified, score in silence, and what came of it is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from prefect import task

from tasks.adapters import labelled, plots, registry, tracking
from tasks.adapters.tracking import LEASE_TAG
from tasks.core.errors import ArtefactMismatch, NoChampion, TerminalError
from tasks.core.features import EVENT_TIME, ROW_ID, Features, design_matrix
from tasks.core.metrics import Problem
from tasks.core.results import Window
from tasks.core.scoring import predict_each
from tasks.core.staleness.curve import Answers
from tasks.core.staleness.page import Measured, csv_files
from tasks.core.staleness.plan import Former, Plan, Rules, make_plan
from tasks.retrying import STEP
from tasks.scoring import load_champion
from tasks.session import Session
from tasks.versions import facts_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Contestant:
    """A champion's model, what it reads, and the event time of the newest row that it was trained on."""

    model: Any
    features: Features
    trained_until: datetime


@dataclass(frozen=True)
class Contestants:
    """All champions by version: those that can be asked, and why each of the others cannot."""

    models: Mapping[int, Contestant]
    missing: Mapping[int, str]

    @property
    def trained(self) -> dict[int, datetime]:
        """Until when each model was trained."""
        return {version: one.trained_until for version, one in self.models.items()}


@task(name="find former champions", **STEP)
def find_formers(session: Session, rules: Rules) -> Plan:
    """Who was champion by the journal, and when; raises NoChampion where nobody was."""
    found = make_plan(session.journal.entries(), session.as_of, rules)
    if not found.formers:
        raise NoChampion(
            f"{session.pipeline} had no champion by {session.as_of:%Y-%m-%d %H:%M}. "
            f"Train one first: keepfit run training {session.pipeline}"
        )
    return found


@task(name="load former champions", **STEP)
def load_formers(session: Session, formers: Sequence[Former]) -> Contestants:
    """The models whose file is the one that was promoted, by version, and why each of the others cannot be asked.

    Raises ServerUnavailable while MLflow does not answer: then nothing is known of a file.
    """
    models, missing = dict[int, Contestant](), dict[int, str]()
    for former in formers:
        try:
            models[former.version] = _load(session, former)
        except TerminalError as error:
            missing[former.version] = str(error)
    return Contestants(models, missing)


def _load(session: Session, former: Former) -> Contestant:
    version = registry.version_of(session.pipeline, former.version)
    if version.sha256 != former.sha256:
        raise ArtefactMismatch(
            f"Version {former.version} is recorded with SHA-256 {version.sha256[:12] or 'nothing'}…, the receipt of "
            f"its promotion says {former.sha256[:12]}…. It is not loaded. Run `keepfit verify {session.pipeline}`."
        )
    facts = facts_of(version)
    return Contestant(load_champion.fn(session, version), facts.features, facts.trained_until)


@task(name="score window", task_run_name="score {window} in silence", **STEP)
def score_window(
    session: Session, contestants: Contestants, formers: Sequence[Former], window: Window, problem: Problem
) -> Answers:
    """What each of the models that were champion before the window's end says of its labelled rows; nothing is stored.

    The rows are read in pieces: of the whole window only times, labels and predictions are held.
    """
    rows = labelled.happened_in(session.store, window, session.as_of)
    known = rows[rows["label"].notna()]
    versions = [former.version for former in formers if former.since < window.end]
    asked = {version: contestants.models[version] for version in versions if version in contestants.models}
    predicted, refused = _ask(session, asked, window, known[ROW_ID], problem)
    refused |= {version: f"not measured: {why}" for version, why in contestants.missing.items()}
    return Answers(
        window, _times(rows), _times(known), known["label"].to_numpy("float64"),
        {version: said for version, said in predicted.items() if version not in refused}, refused,
    )  # fmt: skip


def _ask(
    session: Session, asked: Mapping[int, Contestant], window: Window, ids: "pd.Series", problem: Problem
) -> tuple[dict[int, np.ndarray], dict[int, str]]:
    import pandas as pd

    places, refused = pd.Index(ids), dict[int, str]()
    predicted, answered = {version: np.full(len(ids), np.nan) for version in asked}, np.zeros(len(ids), bool)
    for piece in labelled.scan_rows(session.store, window) if len(ids) else ():
        rows = piece.drop_duplicates(ROW_ID)
        at = places.get_indexer(pd.Index(rows[ROW_ID]))
        fresh = (at >= 0) & ~answered[at]  # asked about online and delivered, too: as it was delivered
        answered[at[fresh]] = True
        for version in asked.keys() - refused.keys() if fresh.any() else ():
            try:
                matrix = design_matrix(rows[fresh], asked[version].features)
                predicted[version][at[fresh]] = predict_each(asked[version].model, matrix, problem)[0]
            except Exception as error:  # noqa: BLE001 - whatever a library raises over rows of another time
                refused[version] = _refusal(error, asked[version].features, list(rows.columns))
    return predicted, refused


def _refusal(error: Exception, features: Features, columns: Sequence[str]) -> str:
    gone = [name for name in (*features.numerical, *features.categorical) if name not in columns]
    told = f"the rows have no column {gone[0]}" if gone else f"it does not take the rows ({type(error).__name__})"
    return f"not measured: {told}"


def _times(rows: "pd.DataFrame") -> np.ndarray:
    import pandas as pd

    return pd.to_datetime(rows[EVENT_TIME], utc=True).dt.tz_localize(None).to_numpy("datetime64[us]")


@task(name="record staleness", **STEP)
def record_staleness(session: Session, found: Measured, page: str) -> str:
    """One MLflow run with the plot, the page, the tables as CSV, and each version's score by window."""
    metric = found.rules.metric
    run = tracking.open_run(session.pipeline, f"staleness of {session.pipeline}", {LEASE_TAG: session.run_id})
    tracking.log(run, {"metric": metric, "as_of": session.as_of.isoformat()}, {"retrainings": len(found.gains)}, {})
    for version in dict.fromkeys(cell.version for cell in found.cells):
        scores = [cell.score for cell in found.cells if cell.version == version]
        tracking.log_series(run, f"{metric}_version_{version}", scores)
    with TemporaryDirectory(prefix="keepfit-") as folder:
        for name, text in {**csv_files(found), "staleness.md": page}.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        plots.draw_staleness(found.cells, metric, Path(folder) / "staleness.png")
        tracking.log_files(run, Path(folder), "staleness")
    tracking.close_run(run)
    return run
