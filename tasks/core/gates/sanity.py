"""The gate `sanity`: whether the predictions can be predictions at all."""

from typing import Literal

import numpy as np

from tasks.core.gates.evidence import GateEvidence, GateKind, verdict
from tasks.core.metrics import problem_of
from tasks.core.results import Check, Number, Verdict


class Sanity(GateKind):
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
        return Check(self.kind, verdict(not found), told, {**wrong, "rows": values.size})
