"""Gate kinds: may this candidate become champion? Each judges given evidence; none fits, loads or fetches anything.

A refusal is a `fail`, what could not be judged is `unknown`, and neither promotes (`results.overall`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from tasks.core.duel import DuelResult, duel
from tasks.core.errors import KeepfitError
from tasks.core.metrics import MetricName, greater_is_better, problem_of, score
from tasks.core.results import Check, Number, Verdict

NonNegative = Annotated[FiniteFloat, Field(ge=0)]
Confidence = Annotated[float, Field(gt=0.5, lt=1)]


@dataclass(frozen=True)
class CleanRoom:
    """What a fresh process found: did the artefact load, is it the judged one (SHA-256), does it predict the same?"""

    loaded: bool
    sha_matches: bool
    largest_difference: float | None
    reason: str


@dataclass(frozen=True)
class GateEvidence:
    """What gates judge: predictions of shape (rows,) of the same evaluation rows, that no contestant was trained on.

    `champion_state` tells "the registry says there is none" from "the registry did not answer". `blocks` holds one
    block id (a day) per row; `dummy` is the prediction of the baseline that ignores all features.
    """

    metric: MetricName
    actual: np.ndarray
    candidate: np.ndarray
    champion: np.ndarray | None
    champion_state: Literal["present", "none", "unknown"]
    dummy: np.ndarray
    blocks: np.ndarray
    clean: CleanRoom | None
    seed: int


class _Gate(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Floor(_Gate):
    """The candidate's own score reaches an absolute bound; set the side that fits the metric's direction."""

    kind: Literal["floor"] = "floor"
    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "Floor":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("set exactly one of at_least (roc_auc, r2, ...) and at_most (mae, log_loss, ...)")
        return self

    def judge(self, evidence: GateEvidence) -> Check:
        """Unknown when the bound stands on the wrong side for the metric: such a floor would stop good models only."""
        metric, bound = evidence.metric, self.at_most if self.at_least is None else self.at_least
        upward = greater_is_better(metric)
        if upward != (self.at_least is not None):
            side = "at_least" if upward else "at_most"
            return Check(
                self.kind, Verdict.UNKNOWN, f"the floor of {metric} has to be set with {side}; change the YAML"
            )
        value = score(metric, evidence.actual, evidence.candidate)
        passed = bound is not None and (value >= bound if upward else value <= bound)
        sign = (">=" if passed else "<") if upward else ("<=" if passed else ">")
        numbers: dict[str, Number] = {"score": value, "bound": bound, "rows": len(evidence.actual)}
        return Check(self.kind, _verdict(passed), f"{metric} {value:.6g} {sign} {bound:.6g}", numbers)


class BeatsDummy(_Gate):
    """The candidate is better than the dummy by more than the margin, beyond the noise of the evaluation rows."""

    kind: Literal["beats_dummy"] = "beats_dummy"
    margin: NonNegative = 0.0
    confidence: Confidence = 0.95
    min_rows: int = Field(default=30, ge=1)

    def judge(self, evidence: GateEvidence) -> Check:
        """Pass when the whole interval lies above the margin, fail when the whole lies below it, unknown between."""
        result = _duel(self, evidence, evidence.dummy)
        numbers = _numbers(result, self.margin)
        if result.low is None or result.high is None:
            return Check(self.kind, Verdict.UNKNOWN, result.reason, numbers)
        told = f"against the dummy (margin {self.margin:g}): {result.reason}"
        if result.low > self.margin:
            return Check(self.kind, Verdict.PASS, told, numbers)
        return Check(self.kind, Verdict.FAIL if result.high <= self.margin else Verdict.UNKNOWN, told, numbers)


class BeatsChampion(_Gate):
    """The duel: the candidate beats the champion on the same rows (or is not worse, where `accept` says so)."""

    kind: Literal["beats_champion"] = "beats_champion"
    margin: NonNegative
    confidence: Confidence = 0.95
    min_rows: int = Field(default=200, ge=1)
    accept: tuple[Literal["better", "equivalent"], ...] = Field(default=("better",), min_length=1)

    def judge(self, evidence: GateEvidence) -> Check:
        """Pass without a champion only where the registry said that there is none."""
        if evidence.champion_state == "none" and evidence.champion is None:
            return Check(self.kind, Verdict.PASS, "no champion: the first-champion rule applies")
        if evidence.champion_state != "present" or evidence.champion is None:
            why = "it is not known whether there is a champion, or its predictions are missing; ask the registry again"
            return Check(self.kind, Verdict.UNKNOWN, why, {"champion_state": evidence.champion_state})
        result = _duel(self, evidence, evidence.champion)
        if result.answer == "not enough evidence":
            return Check(self.kind, Verdict.UNKNOWN, result.reason, _numbers(result, self.margin))
        return Check(self.kind, _verdict(result.answer in self.accept), result.reason, _numbers(result, self.margin))


class CleanProcess(_Gate):
    """The registered artefact loads in a fresh process, has the judged SHA-256 and gives the judged predictions."""

    kind: Literal["clean_process"] = "clean_process"
    tolerance: NonNegative = 1e-9

    def judge(self, evidence: GateEvidence) -> Check:
        """Unknown when the fresh process did not report; any reported difference is a fail, NaN included."""
        clean = evidence.clean
        if clean is None:
            return Check(self.kind, Verdict.UNKNOWN, "no fresh process has reported on the artefact; run it again")
        numbers: dict[str, Number] = {name: value for name, value in vars(clean).items() if name != "reason"}
        numbers["tolerance"] = self.tolerance
        if not (clean.loaded and clean.sha_matches):
            what = "is not the judged one" if clean.loaded else "does not load"
            return Check(self.kind, Verdict.FAIL, f"the artefact {what}: {clean.reason}", numbers)
        if clean.largest_difference is None:
            return Check(self.kind, Verdict.UNKNOWN, f"no predictions were compared: {clean.reason}", numbers)
        same = clean.largest_difference <= self.tolerance
        told = f"predictions differ by at most {clean.largest_difference:.3g} (allowed {self.tolerance:g})"
        return Check(self.kind, _verdict(same), told, numbers)


class Sanity(_Gate):
    """The predictions can be predictions: finite, not constant, probabilities inside [0, 1]."""

    kind: Literal["sanity"] = "sanity"

    def judge(self, evidence: GateEvidence) -> Check:
        """Unknown on 0 rows; everything wrong is named."""
        values = np.asarray(evidence.candidate, dtype=float)
        if not values.size:
            return Check(self.kind, Verdict.UNKNOWN, "there are 0 predictions to look at", {"rows": 0})
        finite = values[np.isfinite(values)]
        binary = problem_of(evidence.metric) == "binary"
        wrong: dict[str, Number] = {
            "not_finite": values.size - finite.size,
            "outside_0_1": int(((finite < 0) | (finite > 1)).sum()) if binary else 0,
            "constant": bool(finite.size and finite.min() == finite.max()),
            "shape_differs": values.shape != np.asarray(evidence.actual).shape,
        }
        found = [f"{name} {count}" if count is not True else name for name, count in wrong.items() if count]
        told = f"{values.size} predictions: {', '.join(found) or 'finite, varied and in range'}"
        return Check(self.kind, _verdict(not found), told, {**wrong, "rows": values.size})


def _duel(gate: BeatsDummy | BeatsChampion, evidence: GateEvidence, rival: np.ndarray) -> DuelResult:
    return duel(
        evidence.actual, rival, evidence.candidate, evidence.blocks, metric=evidence.metric,
        margin=gate.margin, confidence=gate.confidence, min_rows=gate.min_rows, seed=evidence.seed,
    )  # fmt: skip


def _verdict(passed: bool) -> Verdict:
    return Verdict.PASS if passed else Verdict.FAIL


def _numbers(result: DuelResult, margin: float) -> dict[str, Number]:
    kept = ("answer", "difference", "low", "high", "rows", "blocks")
    return {**{name: getattr(result, name) for name in kept}, "margin": margin}


def judge_all(gates: Sequence["Gate"], evidence: GateEvidence) -> tuple[Check, ...]:
    """Ask every gate, whatever the others say, so that the report is whole; an error of ours is an unknown check."""
    return tuple(_judge_one(gate, evidence) for gate in gates)


def _judge_one(gate: "Gate", evidence: GateEvidence) -> Check:
    try:
        return gate.judge(evidence)
    except KeepfitError as error:
        return Check(gate.kind, Verdict.UNKNOWN, f"gate {gate.kind} could not judge: {error}")


Gate = Annotated[Floor | BeatsDummy | BeatsChampion | CleanProcess | Sanity, Field(discriminator="kind")]
