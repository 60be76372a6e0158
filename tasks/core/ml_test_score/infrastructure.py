"""The ML Test Score's tests of infrastructure (Breck et al. 2017, table III)."""

from tasks.core.ml_test_score.known import Known
from tasks.core.ml_test_score.points import Point, Question, by_gate, nothing

_LOOP = ("training", "promotion", "scoring", "monitoring")
_RECORDS = ("keepfit.snapshot", "keepfit.recipe", "keepfit.lock", "keepfit.code_digest")


def _reproducible(known: Known) -> Point:
    proven = [entry for entry in known.of("reproduction", version=known.version) if entry.decision.verdict == "pass"]
    if proven:
        return Point(1.0, "it was trained again from its records, and is equal", known.explains(proven[-1]))
    if all(known.tags.get(name, "unknown") != "unknown" for name in _RECORDS):
        return Point(0.5, "rows, parameters, seed and lock are recorded; nobody has trained it again yet")
    return nothing("what it was made from is not recorded whole")


def _integrated(known: Known) -> Point:
    stages = [kind for kind in _LOOP if known.of(kind, version=known.version)]
    if len(stages) < len(_LOOP):
        return nothing(f"of the loop it has been through {', '.join(stages) or 'nothing'}")
    return Point(0.5, "it has been through the whole loop; Keepfit's own tests run that loop, on other data")


def _validated(known: Known) -> Point:
    entry = known.judgement()
    if entry is None or entry.decision.outcome != "promoted":
        return nothing("no judgement has promoted it")
    return Point(1.0, "every gate passed before it became champion", known.explains(entry))


def _debuggable(known: Known) -> Point:
    if not known.of("scoring", version=known.version):
        return nothing("it has scored nothing yet")
    return Point(0.5, "each prediction names its batch and version, and each version its rows; a person follows them")


def _rolled_back(known: Known) -> Point:
    if found := known.of("rollback"):
        return Point(1.0, "the pipeline has been rolled back, and the journal tells it", known.explains(found[-1]))
    entry = known.judgement()
    if entry is None or entry.decision.evidence.get("replaces") is None:
        return nothing("there is no earlier champion to go back to")
    return Point(
        0.5, "one command takes the one before back; it was never needed", f"`keepfit rollback {known.pipeline}`"
    )


TESTS = (
    Question("Infra 1", "Training is reproducible", _reproducible),
    Question("Infra 2", "Model specs are unit tested", lambda _: nothing("a pipeline's file has no unit tests")),
    Question("Infra 3", "The ML pipeline is integration tested", _integrated),
    Question("Infra 4", "Model quality is validated before serving", _validated),
    Question("Infra 5", "The model is debuggable", _debuggable),
    Question(
        "Infra 6",
        "Models are canaried before serving",
        by_gate("clean_process", "loaded and asked in a process of its own; not with real traffic", 0.5),
    ),
    Question("Infra 7", "Serving models can be rolled back", _rolled_back),
)  # fmt: skip
