"""The demo: the sample replayed through the deployments, and the loop's decisions held against the declared truth."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from config.opening import open_pipeline
from config.settings import Settings
from deployments.replay import Step
from tasks.core import sample
from tasks.core.results import Check, Verdict

PIPELINE = "subscriptions"
FIRST_PERIOD = 9
"""The months up to this one arrive as history, at once."""


def moments() -> list[datetime]:
    """The ends of the replayed periods."""
    return [sample.month_start(period + 1) for period in range(FIRST_PERIOD, sample.PERIODS + 1)]


def period_of(as_of: datetime) -> int:
    """The period that ends at a moment."""
    return next(n for n in range(1, sample.PERIODS + 1) if sample.month_start(n + 1) == as_of)


def _row(period: int) -> str:
    """What the replay's table calls a period: the moment that it is judged as of."""
    return f"as of {sample.month_start(period + 1):%Y-%m-%d}"


def hold_against_truth(steps: Sequence[Step]) -> list[Check]:
    """One check per declared truth: what the loop decided, and whether that was right."""
    truths = {truth.period: truth for truth in sample.truth()}
    by_period = {period_of(step.as_of): step for step in steps}
    checks = [_deliveries(steps, truths)]
    drifts = [p for p, truth in truths.items() if truth.state is sample.State.HARMLESS_DRIFT and p in by_period]
    checks += [_harmless(period, by_period[period]) for period in drifts]
    change = next(p for p, truth in truths.items() if truth.state is sample.State.CONCEPT_CHANGE)
    checks.append(_calm_before(change, by_period))
    checks.append(_answered(change, truths[change].by, by_period))
    return checks


def _deliveries(steps: Sequence[Step], truths: dict[int, sample.Truth]) -> Check:
    refused = {entry.decision.evidence["name"] for step in steps for entry in step.of("ingestion")
               if entry.decision.outcome == "quarantined"}  # fmt: skip
    corrupted = {f"{sample.month_start(p):%Y-%m}.csv" for p, t in truths.items() if t.state is sample.State.CORRUPTED}
    told = f"refused: {', '.join(sorted(refused)) or 'none'}; corrupted in truth: {', '.join(sorted(corrupted))}"
    return Check("corrupted delivery", Verdict.PASS if refused == corrupted else Verdict.FAIL, told)


def _harmless(period: int, step: Step) -> Check:
    outcomes = [entry.decision.outcome for entry in step.of("monitoring")]
    promoted = [entry for entry in step.of("promotion") if entry.decision.outcome == "promoted"]
    right = outcomes == ["noted"] and not promoted
    told = f"monitoring said {', '.join(outcomes) or 'nothing'}; {len(promoted)} promotions"
    return Check(f"harmless drift, {_row(period)}", Verdict.PASS if right else Verdict.FAIL, told)


def _calm_before(change: int, steps: dict[int, Step]) -> Check:
    early = [p for p, step in steps.items() if FIRST_PERIOD < p < change
             and any(e.decision.outcome == "triggered" for e in step.of("monitoring"))]  # fmt: skip
    told = f"retrainings before the change: {', '.join(map(_row, early)) or 'none'}"
    return Check("no retraining on noise", Verdict.FAIL if early else Verdict.PASS, told)


def _answered(change: int, by: int, steps: dict[int, Step]) -> Check:
    for period in range(change, by + 1):
        step = steps.get(period)
        asked = [e for e in step.of("monitoring") if e.decision.outcome == "triggered"] if step else []
        promoted = [e for e in step.of("promotion") if e.decision.outcome == "promoted"] if step else []
        if asked and promoted:
            version = promoted[-1].decision.evidence["version"]
            told = f"{_row(period)}: monitoring started a retraining, version {version} was promoted"
            return Check("concept change answered", Verdict.PASS, told)
    return Check("concept change answered", Verdict.FAIL, f"no retraining was promoted {_row(change)} to {_row(by)}")


def beats_old_champion(settings: Settings) -> Check:
    """Score the champion and the one before it on the rows after the last promotion whose labels are known now."""
    from tasks.adapters import cleanroom, labelled, registry
    from tasks.core import metrics
    from tasks.core.championship import reign
    from tasks.core.features import design_matrix
    from tasks.versions import facts_of

    config, session = open_pipeline(PIPELINE, sample.month_start(sample.PERIODS + 1), "demo", settings)
    entries = session.journal.entries()
    now = reign(entries)
    name = "the new champion beats the old one later"
    if now is None or now.previous is None:
        return Check(name, Verdict.FAIL, "there was no second promotion")
    promoted_at = next(entry.decision.as_of for entry in entries if entry.sequence == now.receipt)
    rows = labelled.rows_between(session.store, promoted_at, session.as_of, session.as_of)
    scores = {}
    for number in (now.champion, now.previous):
        version = registry.version_of(PIPELINE, number)
        with TemporaryDirectory(prefix="keepfit-") as folder:
            model = registry.fetch(PIPELINE, version, Path(folder))
            matrix = design_matrix(rows, facts_of(version).features)
            predicted = cleanroom.predict_in_clean_process(model, matrix, config.problem)
        scores[number] = metrics.score(config.metric, rows["label"].to_numpy("float64"), predicted)
    better = metrics.gain(config.metric, scores[now.champion], scores[now.previous])
    told = (
        f"{len(rows)} rows after {promoted_at:%Y-%m-%d}: version {now.champion} {scores[now.champion]:.3f}, "
        f"version {now.previous} {scores[now.previous]:.3f} {config.metric}"
    )
    return Check(name, Verdict.PASS if better > 0 else Verdict.FAIL, told)
