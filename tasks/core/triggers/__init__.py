"""Trigger kinds, one per file, and the remedy: which rule asks for retraining, and what answers what was seen.

A trigger's `fail` is a breach that asks for retraining. Whether the retraining may start now: `governor`.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.triggers.age import Age
from tasks.core.triggers.combinations import All, AnyOf, AtLeast
from tasks.core.triggers.drift import DataDrift, MultivariateDrift, PredictionDrift
from tasks.core.triggers.estimated import EstimatedPerformance
from tasks.core.triggers.evidence import TriggerEvidence, past_evidence
from tasks.core.triggers.new_labels import NewLabels
from tasks.core.triggers.performance import PerformanceDecay
from tasks.core.triggers.remedy import Remedy, RemedyKind, choose_remedy
from tasks.core.triggers.token import fire_token

__all__ = [
    "Age", "All", "AnyOf", "AtLeast", "DataDrift", "EstimatedPerformance", "MultivariateDrift", "NewLabels",
    "PerformanceDecay", "PredictionDrift", "Remedy", "RemedyKind", "Trigger", "TriggerEvidence", "choose_remedy",
    "fire_token", "past_evidence",
]  # fmt: skip

Trigger = Annotated[
    PerformanceDecay
    | EstimatedPerformance
    | DataDrift
    | PredictionDrift
    | MultivariateDrift
    | Age
    | NewLabels
    | AnyOf
    | All
    | AtLeast,
    Field(discriminator="kind"),
]
# Combinations hold triggers of every kind, themselves included: they are complete only now.
for _combination in (AnyOf, All, AtLeast):
    _combination.model_rebuild(_types_namespace={"Trigger": Trigger})
