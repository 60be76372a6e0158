"""Gate kinds: may this candidate become champion? Each judges given evidence; none fits, loads or fetches anything.

A refusal is a `fail`, what could not be judged is `unknown`, and neither promotes (`results.overall`).
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from tasks.core.errors import KeepfitError
from tasks.core.gates.beats_champion import BeatsChampion
from tasks.core.gates.beats_dummy import BeatsDummy
from tasks.core.gates.calibration import Calibration
from tasks.core.gates.clean_process import CleanProcess
from tasks.core.gates.evidence import CleanRoom, Footprint, GateEvidence
from tasks.core.gates.floor import Floor
from tasks.core.gates.groups import Groups
from tasks.core.gates.resources import Resources
from tasks.core.gates.sanity import Sanity
from tasks.core.gates.slices import Slices
from tasks.core.gates.suspicious_features import SuspiciousFeatures
from tasks.core.metrics import Problem
from tasks.core.results import Check, Verdict

__all__ = [
    "BeatsChampion", "BeatsDummy", "Calibration", "CleanProcess", "CleanRoom", "Floor", "Footprint", "Gate",
    "GateEvidence", "Groups", "Resources", "Sanity", "Slices", "SuspiciousFeatures", "columns_named", "duel_of",
    "judge_all", "misfit", "question_of",
]  # fmt: skip


def judge_all(gates: Sequence["Gate"], evidence: GateEvidence) -> tuple[Check, ...]:
    """Ask every gate, whatever the others say, so that the report is whole; an error of ours is an unknown check."""
    return tuple(_judge_one(gate, evidence) for gate in gates)


def columns_named(gates: Sequence["Gate"]) -> tuple[str, ...]:
    """The event columns that gates ask for by name, each once."""
    return tuple(dict.fromkeys(name for gate in gates if isinstance(gate, Slices | Groups) for name in gate.columns))


def question_of(gates: Sequence["Gate"], metric: str, seed: int) -> str:
    """SHA-256 (16 hex digits) that is equal exactly when gates with their settings, metric and seed are."""
    asked = [metric, seed, [gate.model_dump(mode="json") for gate in gates]]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def misfit(
    gates: Sequence["Gate"], roles: Mapping[str, str], features: Collection[str], problem: Problem
) -> str | None:
    """Why a gate can never pass for columns of these roles (by name), these features and this problem, or None."""
    for gate in gates:
        wanted = {"protected"} if isinstance(gate, Groups) else {"feature", "protected"}
        wrong = [name for name in columns_named([gate]) if roles.get(name) not in wanted]
        if wrong:
            what = "with the role protected" if isinstance(gate, Groups) else "with the role feature or protected"
            return f"gate {gate.kind} names {wrong[0]}, which is no column {what}"
        rate = isinstance(gate, Groups) and gate.measure != "metric"
        if problem != "binary" and (rate or isinstance(gate, Calibration)):
            return f"gate {gate.kind}{' with a rate' if rate else ''} judges a binary problem only"
        if isinstance(gate, SuspiciousFeatures):
            strange = [name for name in gate.allow if name not in features]
            if strange:
                return f"gate {gate.kind} allows {strange[0]}, which is no feature of the pipeline"
    return None


def _judge_one(gate: "Gate", evidence: GateEvidence) -> Check:
    try:
        return gate.judge(evidence)
    except KeepfitError as error:
        return Check(gate.kind, Verdict.UNKNOWN, f"gate {gate.kind} could not judge: {error}")


Gate = Annotated[
    Floor | BeatsDummy | BeatsChampion | CleanProcess | Sanity | Slices | Groups | Calibration | SuspiciousFeatures
    | Resources,
    Field(discriminator="kind"),
]  # fmt: skip


def duel_of(gates: Sequence[Gate]) -> BeatsChampion:
    """The rules of the pipeline's duel; without that gate its defaults, at a margin of 0."""
    return next((gate for gate in gates if isinstance(gate, BeatsChampion)), BeatsChampion(margin=0.0))
