"""Task wrapper that writes a version's model card and its ML Test Score to where people look: MLflow."""

from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import task

from tasks.adapters import registry, tracking
from tasks.adapters.registry import ModelVersion
from tasks.core.ml_test_score import Known, Setup, ml_test_score
from tasks.core.model_card import model_card
from tasks.retrying import STEP
from tasks.session import Session


def known_of(session: Session, version: ModelVersion, setup: Setup) -> Known:
    """What is on record of a version."""
    return Known(session.pipeline, version.number, version.tags, session.journal.entries(), setup)


@task(name="write model card", **STEP)
def write_card(session: Session, version: ModelVersion, setup: Setup) -> None:
    """The card as the version's description and, whole, as a file of its run; the score as a tag."""
    known = known_of(session, version, setup)
    registry.describe_version(session.pipeline, version.number, model_card(known, brief=True))
    registry.tag_version(session.pipeline, version.number, {"keepfit.ml_test_score": ml_test_score(known).score})
    with TemporaryDirectory(prefix="keepfit-") as folder:
        (Path(folder) / "model_card.md").write_text(model_card(known), "utf-8")
        tracking.log_files(version.run_id, Path(folder), "card")
