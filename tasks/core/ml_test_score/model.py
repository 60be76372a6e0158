"""The ML Test Score's tests of model development (Breck et al. 2017, table II)."""

from tasks.core.ml_test_score.known import Known
from tasks.core.ml_test_score.points import Point, Question, by_gate, nothing

_MANY = 3
_GAPS = "the gaps between protected groups are within their limit"


def _reviewed(known: Known) -> Point:
    code = known.tags.get("keepfit.code", "unknown")
    if code == "unknown" or code.endswith("+changes"):
        return nothing("the version was made by code that no revision names")
    return Point(
        0.5, "the code's revision and the file's digest are recorded; a review is not", f"revision {code[:12]}"
    )


def _correlates(known: Known) -> Point:
    found = known.realised(own=False)
    if not found:
        return nothing("no labels came in yet that a promise could be held against")
    told = f"{len(found)} checks held what was promised at a promotion against labels that came later"
    return Point(1.0 if len(found) >= _MANY else 0.5, told, known.explains(found[-1]))


def _tuned(known: Known) -> Point:
    strategy = known.tags.get("keepfit.strategy", "")
    if strategy == "new_search":
        return Point(1.0, "its parameters come from a search on the tuning part", "the run's nested runs in MLflow")
    return Point(0.5, "its parameters are an earlier champion's") if strategy else nothing("no record of a search")


def _staleness(known: Known) -> Point:
    versions = {entry.decision.evidence["version"] for entry in known.realised(own=False)}
    if len(versions) > 1:
        told = f"age and loss of {len(versions)} champions stand in the checks; nobody draws the conclusion by itself"
        return Point(0.5, told, "`keepfit simulate` compares ages of models on the same history")
    return nothing("only one champion was watched so far")


def _simpler(known: Known) -> Point:
    if "linear" in known.setup.families and len(known.setup.families) > 1:
        told, passed = "a linear family was in the search, and a guess in the gates", known.passed("beats_dummy")
        return Point(1.0 if passed else 0.5, told, known.explains(passed) if passed else "the run's nested runs")
    return by_gate("beats_dummy", "it beats a guess; no linear family was tried", 0.5)(known)


TESTS = (
    Question("Model 1", "Model specs are reviewed and submitted", _reviewed),
    Question("Model 2", "Offline and online metrics correlate", _correlates),
    Question("Model 3", "All hyperparameters have been tuned", _tuned),
    Question("Model 4", "The impact of model staleness is known", _staleness),
    Question("Model 5", "A simpler model is not better", _simpler),
    Question(
        "Model 6",
        "Quality is sufficient on important data slices",
        by_gate("slices", "every slice was held against its limit"),
    ),
    Question("Model 7", "The model is tested for considerations of inclusion", by_gate("groups", _GAPS)),
)
