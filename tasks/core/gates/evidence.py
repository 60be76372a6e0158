"""What gates judge: predictions, rows and footprints, gathered before; and what all gates have in common.

No gate fits, loads or fetches anything. How an answer comes about stands beside it, one kind per file.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from tasks.core.errors import DataRejected
from tasks.core.ledger import RowSet
from tasks.core.metrics import MetricName
from tasks.core.results import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd

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
class Footprint:
    """What a model costs: its file, and one prediction of the evaluation rows in a process of its own.

    `size`: bytes of the file; `seconds_per_row`: of the quickest of a few tries; `memory`: peak bytes of the process.
    """

    size: int
    seconds_per_row: float
    memory: int


@dataclass(frozen=True)
class GateEvidence:
    """What gates judge: predictions of shape (rows,) of the same evaluation rows, that no contestant was trained on.

    `champion_state` tells "the registry says there is none" from "the registry did not answer". `blocks` holds one
    block id (a day) per row; `dummy` is the prediction of the baseline that ignores all features. `row_set` names the
    rows, and `looks` counts for each how many other comparisons it has decided (`tasks.core.ledger`; None: not one);
    `question` names what is asked of them.
    `features` is the candidate's matrix and `columns` holds the event columns that gates name, one line per row each.
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
    looks: np.ndarray | None = None
    row_set: RowSet | None = None
    question: str = ""
    features: "pd.DataFrame | None" = None
    columns: "pd.DataFrame | None" = None
    footprint: Footprint | None = None
    champion_footprint: Footprint | None = None


class GateKind(BaseModel):
    """Base of the kinds: frozen, and strict about what stands in the YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def column_of(evidence: GateEvidence, name: str) -> "pd.Series":
    """An event column of the evaluated rows; raises DataRejected where it was not gathered."""
    if evidence.columns is None or name not in evidence.columns:
        raise DataRejected(f"the rows have no column {name!r}; name one with the role feature or protected")
    if len(evidence.columns) != len(evidence.actual):
        raise DataRejected(f"{name!r} has {len(evidence.columns)} values for {len(evidence.actual)} rows")
    return evidence.columns[name]


def champion_of(kind: str, evidence: GateEvidence) -> np.ndarray | Check:
    """The champion's predictions, or what a gate of that kind answers without them: pass only where there is none."""
    if evidence.champion_state == "none" and evidence.champion is None:
        return Check(kind, Verdict.PASS, "no champion: the first-champion rule applies")
    if evidence.champion_state != "present" or evidence.champion is None:
        why = "it is not known whether there is a champion, or its predictions are missing; ask the registry again"
        return Check(kind, Verdict.UNKNOWN, why, {"champion_state": evidence.champion_state})
    return evidence.champion


def require_one_per_row(evidence: GateEvidence, *more: np.ndarray) -> None:
    """Raise DataRejected unless predictions, blocks and whatever else is given have one value per row."""
    rows = len(evidence.actual)
    if any(len(part) != rows for part in (evidence.candidate, evidence.blocks, *more)):
        raise DataRejected(f"every one of the {rows} rows needs one prediction of each model and one block id")


def verdict(passed: bool) -> Verdict:
    """Pass or fail; unknown is always said on purpose."""
    return Verdict.PASS if passed else Verdict.FAIL
