"""Task wrappers of the probe: the champion asked on rows before the evaluation part, its refits, and what they say."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from prefect import task

from tasks import evidence
from tasks.adapters.processes import Meter
from tasks.adapters.registry import ModelVersion
from tasks.adapters.store import Store
from tasks.core import probe
from tasks.core.features import EVENT_TIME
from tasks.core.fitting import Recipe
from tasks.core.results import Check, Decision, Snapshot, Verdict, Window
from tasks.retrying import CACHED, STEP
from tasks.session import Session
from tasks.training import labelled_rows
from tasks.versions import facts_of

if TYPE_CHECKING:
    import pandas as pd

_OUTCOMES = {Verdict.PASS: "would help", Verdict.FAIL: "would not help", Verdict.UNKNOWN: "cannot tell"}


@dataclass(frozen=True)
class Stretch:
    """The rows that a probe judges on, as positions in the snapshot, and what the champion predicts for them.

    `window` is that of their event times; None where there are none.
    """

    positions: np.ndarray
    champion: np.ndarray
    window: Window | None
    version: int
    sha256: str
    limit: float | None


@task(name="ask champion", **STEP)
def ask_champion(session: Session, snapshot: Snapshot, recipe: Recipe, champion: ModelVersion, token: str) -> Stretch:
    """The champion, in a clean process, on the rows of the tuning part that it has not seen; never on later ones."""
    rows = labelled_rows(session.store, snapshot)
    positions = probe.stretch(rows, recipe, evidence.seen_ids(session, facts_of(champion)))
    predicted = np.empty(0)
    if len(positions):
        predicted, _ = evidence.ask(session, champion, recipe.metric, rows.iloc[positions], tries=1)
    limit = probe.limit_of_breach(session.journal.entries("monitoring"), token, champion.number)
    window = _window(rows[EVENT_TIME].iloc[positions])
    return Stretch(positions, predicted, window, champion.number, champion.sha256, limit)


def key_of(stretch: Stretch, snapshot: Snapshot, recipes: Sequence[Recipe], code_digest: str, margin: float) -> str:
    """SHA-256 that is equal exactly when all that a probe's answer depends on is."""
    fits = [recipe.key(snapshot.digest, code_digest) for recipe in recipes]
    return hashlib.sha256(json.dumps([fits, stretch.sha256, stretch.limit, margin]).encode()).hexdigest()


@task(name="probe retraining", **CACHED)
def probe_retraining(
    store: Store,
    snapshot: Snapshot,
    recipes: Sequence[Recipe],
    stretch: Stretch,
    margin: float,
    key: str,  # noqa: ARG001
) -> dict[str, Any]:
    """Refit and judge. Prefect keeps the answer under `key`: the same probe is never fitted twice."""
    from threadpoolctl import threadpool_limits

    meter, rows = Meter.start(), labelled_rows(store, snapshot)
    with threadpool_limits(limits=1, user_api="openmp"):
        refits = probe.refit(rows, recipes, stretch.positions)
    answer = probe.judge_probe(
        rows.iloc[stretch.positions], metric=recipes[0].metric, champion=stretch.champion, refits=refits, margin=margin,
        limit=stretch.limit, seed=recipes[0].seed,
    )  # fmt: skip
    return {"answer": asdict(answer), **meter.read()}


@task(name="record probe", **STEP)
def record_probe(session: Session, stretch: Stretch, told: dict[str, Any], token: str) -> Check:
    """Write the answer and what it cost into the journal; the token ties it to the breach, which is probed once."""
    answer = _check(told["answer"])
    spent = {name: told[name] for name in ("seconds", "cpu_seconds")}
    written = session.record(Decision(
        key=f"probe:{token}", pipeline=session.pipeline, kind="probe", verdict=answer.verdict,
        outcome=_OUTCOMES[answer.verdict], reason=answer.reason, as_of=session.as_of, window=stretch.window,
        evidence={"probe": told["answer"], "champion": stretch.version, **spent, "token": token}, run_id=session.run_id,
    ))  # fmt: skip
    return _check(written.decision.evidence["probe"])


def _window(times: "pd.Series") -> Window | None:
    if times.empty:
        return None
    return Window(times.min().to_pydatetime(), times.max().to_pydatetime() + timedelta(microseconds=1))


def _check(told: Mapping[str, Any]) -> Check:
    return Check(**{**told, "verdict": Verdict(told["verdict"])})
