"""The ML Test Score's tests of monitoring (Breck et al. 2017, table IV)."""

from tasks.core.ml_test_score.known import Known
from tasks.core.ml_test_score.points import Point, Question, by_gate, nothing

_SAME = "the stored model predicts of the same rows what it did at its training"
_SANE = "no missing, infinite, constant or impossible prediction; scoring sets such rows aside"
_HELD = "latency, size and memory are held against the champion's"


def _dependencies(known: Known) -> Point:
    if not known.of("ingestion"):
        return nothing("no delivery has come yet")
    told = "a delivery of another shape is refused by a named rule"
    if known.setup.notifies:
        return Point(1.0, f"{told}, and people are told")
    return Point(0.5, f"{told}; `alerts` names nobody who is told")


def _invariants(known: Known) -> Point:
    checks = known.of("monitoring", version=known.version)
    if not checks:
        return nothing("it has not been watched yet")
    return Point(1.0, "each window of what it scores is held against what it learnt from", known.explains(checks[-1]))


def _stale(known: Known) -> Point:
    checks = [e for e in known.of("monitoring", version=known.version) if "champion_age_s" in e.decision.evidence]
    if not checks:
        return nothing("its age has not been looked at yet")
    if "age" in known.setup.watches:
        return Point(1.0, "a trigger asks for a retraining at an age", known.explains(checks[-1]))
    return Point(0.5, "its age stands in every check; no trigger acts on it", known.explains(checks[-1]))


def _quality(known: Known) -> Point:
    if found := known.realised(own=True):
        return Point(1.0, "labels that came in were held against its promise", known.explains(found[-1]))
    return nothing("no labels have come in yet for what it scored")


TESTS = (
    Question("Monitor 1", "Dependency changes result in notification", _dependencies),
    Question("Monitor 2", "Data invariants hold for inputs", _invariants),
    Question("Monitor 3", "Training and serving are not skewed", by_gate("clean_process", _SAME)),
    Question("Monitor 4", "Models are not too stale", _stale),
    Question("Monitor 5", "Models are numerically stable", by_gate("sanity", _SANE)),
    Question("Monitor 6", "Computing performance has not regressed", by_gate("resources", _HELD)),
    Question("Monitor 7", "Prediction quality has not regressed", _quality),
)
