"""Task wrapper that makes a version again from its records, in a fresh folder, and says what differs."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from prefect import task

from tasks import evidence
from tasks.adapters import fits, provenance, registry, tracking
from tasks.adapters.registry import ModelVersion
from tasks.adapters.store import Store
from tasks.core import fitting, reproduction
from tasks.core.errors import ArtefactMismatch
from tasks.core.fitting import Recipe
from tasks.core.reproduction import Records
from tasks.core.results import Check, Decision, Verdict
from tasks.retrying import STEP
from tasks.session import Session
from tasks.training import labelled_rows
from tasks.versions import facts_of, recipe_of


@task(name="reproduce version", **STEP)
def reproduce_version(session: Session, number: int) -> Check:
    """Fit a version again on its snapshot, by its recipe and seed, in a folder of its own, and compare."""
    version = registry.version_of(session.pipeline, number)
    facts, recipe = facts_of(version), recipe_of(version)
    then = _recorded(session, version)
    labelled_rows.cache_clear()  # the rows as they lie there, not as this process has read them before
    try:
        rows, digest = labelled_rows(session.store, facts.snapshot), facts.snapshot.digest
    except ArtefactMismatch:
        rows, digest = None, "changed"
    differing = reproduction.differences(then, _standing(then, recipe, digest))
    if rows is None:
        return reproduction.judge_reproduction(differing, np.empty(0), None)
    fresh = rows.iloc[fitting.parts_of(rows, recipe.split).evaluation]
    before, _ = evidence.ask(session, version, recipe.metric, fresh, 1)
    with TemporaryDirectory(prefix="keepfit-") as folder:
        elsewhere = Store(folder, session.pipeline)
        fits.make(elsewhere, facts.key, rows, recipe)
        kept = fits.evaluation(elsewhere, facts.key)
    again = np.empty(0) if kept is None else kept["prediction"].to_numpy("float64")
    return reproduction.judge_reproduction(differing, before, again)


@task(name="record reproduction", **STEP)
def record_reproduction(session: Session, number: int, check: Check) -> None:
    """Write into the journal what came of it: a version's card tells it as a proof."""
    outcome = {Verdict.PASS: "reproduced", Verdict.FAIL: "differs"}.get(check.verdict, "not reproduced")
    session.record(Decision(
        key=f"reproduction:{number}:{session.clock().isoformat()}", pipeline=session.pipeline, kind=reproduction.NAME,
        verdict=check.verdict, outcome=outcome, reason=check.reason, as_of=session.as_of,
        evidence={"version": number, "numbers": dict(check.numbers)},
    ))  # fmt: skip


def _recorded(session: Session, version: ModelVersion) -> Records:
    """By the version's tags, the parameters of its run in MLflow, and the libraries that its artefact asks for."""
    with TemporaryDirectory(prefix="keepfit-") as folder:
        asked = registry.requirements_of(session.pipeline, version, Path(folder))
    libraries = dict(line.split("==", 1) for line in asked if "==" in line)
    named = {name for line in provenance.model_requirements() for name in [line.split("==")[0]]}
    return Records(
        snapshot=facts_of(version).snapshot.digest, key=facts_of(version).key,
        parameters=tracking.parameters_of(version.run_id), code=version.tags.get("keepfit.code_digest", ""),
        libraries={name: found for name, found in libraries.items() if name in named},
    )  # fmt: skip


def _standing(then: Records, recipe: Recipe, digest: str) -> Records:
    """What a fit of this recipe would rest on here and now; parameters as text, as MLflow keeps them."""
    told = {"family": recipe.family.kind, "history": recipe.history.label, **recipe.parameters}
    code = provenance.code_digest() if then.code else ""
    return Records(
        snapshot=digest, key=recipe.key(then.snapshot, then.code) if then.code else then.key,
        parameters={name: str(value) for name, value in told.items()} if then.parameters else {},
        libraries=dict(line.split("==", 1) for line in provenance.model_requirements()), code=code,
    )  # fmt: skip
