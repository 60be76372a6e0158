"""The ML Test Score's tests of features and data (Breck et al. 2017, table I)."""

from tasks.core.ml_test_score.known import Known
from tasks.core.ml_test_score.points import Point, Question, by_gate, nothing
from tasks.core.records import read_object


def _schema(known: Known) -> Point:
    read = known.of("ingestion")
    if not read:
        return nothing("no delivery was held against the pipeline's file yet")
    told = f"{known.setup.expectations} expectations, types and roles are held against every delivery"
    return Point(1.0 if known.setup.expectations else 0.5, told, known.explains(read[-1]))


def _beneficial(known: Known) -> Point:
    try:
        kept = read_object(known.tags.get("keepfit.importance", "{}"))
        shares = {name: float(share) for name, share in kept.items()}
    except (ValueError, TypeError, OverflowError):
        shares = {}
    if not shares:
        return nothing("what the features are worth to the version was not measured")
    idle = sum(share <= 0 for share in shares.values())
    told = f"permuted at the training, {idle} of {len(shares)} are worth nothing; taking them out is left to people"
    return Point(0.5, told, "tag `keepfit.importance`")


def _meta(known: Known) -> Point:
    found = known.passed("suspicious_features")
    if found is not None:
        told = "only columns with the role feature get in, and each was looked at for a leak"
        return Point(1.0, told, known.explains(found))
    return Point(
        0.5,
        "only columns with the role feature get in; the gate suspicious_features was not passed, or is not in the file",
    )


def _private(known: Known) -> Point:
    if known.setup.personal:
        return Point(1.0, f"{len(known.setup.personal)} columns have a privacy policy that ingestion enforces")
    return Point(0.5, "no cell value gets into pages, logs and reports; no column has a privacy policy")


TESTS = (
    Question("Data 1", "Feature expectations are captured in a schema", _schema),
    Question("Data 2", "All features are beneficial", _beneficial),
    Question("Data 3", "No feature's cost is too much", lambda _: nothing("costs of features are not measured")),
    Question("Data 4", "Features adhere to meta-level requirements", _meta),
    Question("Data 5", "The data pipeline has appropriate privacy controls", _private),
    Question("Data 6", "New features can be added quickly", lambda _: nothing("nobody measures how long it takes")),
    Question(
        "Data 7",
        "All input feature code is tested",
        by_gate("clean_process", "one function makes the features everywhere; Keepfit's own tests test it", 0.5),
    ),
)  # fmt: skip
