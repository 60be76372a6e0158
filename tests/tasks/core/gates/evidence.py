"""A sound candidate with everything that gates can ask for; each test breaks the part that it is about."""

import numpy as np
import pandas as pd

from tasks.core.gates import (
    BeatsChampion,
    BeatsDummy,
    Calibration,
    CleanProcess,
    CleanRoom,
    Floor,
    Footprint,
    GateEvidence,
    Groups,
    Resources,
    Sanity,
    Slices,
    SuspiciousFeatures,
)
from tasks.core.results import Verdict

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
CLEAN = CleanRoom(loaded=True, sha_matches=True, largest_difference=0.0, reason="")
SMALL = Footprint(size=2_000_000, seconds_per_row=0.001, memory=200_000_000)
EVERY = (
    Floor(at_least=0.6),
    BeatsDummy(),
    BeatsChampion(margin=0.01),
    CleanProcess(),
    Sanity(),
    Slices(columns=("plan", "age"), search=True),
    Groups(columns=("sex",), max_gap=0.2),
    Calibration(max_error=0.4),
    SuspiciousFeatures(),
    Resources(),
)


def evidence(rows=1500, noise=0.5, seed=3, **changes):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    y = (truth > 0.5).astype(int)
    given = {
        "metric": "roc_auc",
        "actual": y,
        "candidate": 1 / (1 + np.exp(-(truth + noise * rng.normal(size=rows)))),
        "champion": 1 / (1 + np.exp(-(truth + 1.5 * rng.normal(size=rows)))),
        "champion_state": "present",
        "dummy": np.full(rows, y.mean() if rows else 0.5),
        "blocks": np.arange(rows) * 30 // max(rows, 1),
        "clean": CLEAN,
        "seed": 1,
        "footprint": SMALL,
        "champion_footprint": SMALL,
    }
    plans = rng.choice(["basic", "premium"], rows)
    given["features"] = pd.DataFrame({"hint": truth + rng.normal(size=rows), "plan": plans})
    given["columns"] = pd.DataFrame(
        {"plan": plans, "age": rng.integers(18, 80, rows), "sex": rng.choice(["f", "m"], rows)}
    )
    return GateEvidence(**{**given, **changes})
