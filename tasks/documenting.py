"""Task wrappers that keep what a suite said of a delivery, and make the Data Docs of it. Nothing rests on these."""

from pathlib import Path

from prefect import task

from tasks.adapters import data_docs
from tasks.adapters.data_docs import Said
from tasks.core.batches import Delivery, Judged
from tasks.retrying import STEP
from tasks.session import Session


def folder_of(home: Path, pipeline: str) -> Path:
    """Where a pipeline's Data Docs stand."""
    return home / "data_docs" / pipeline


@task(name="keep validation", task_run_name="keep validation of {delivery.name}", **STEP)
def keep_validation(session: Session, home: Path, delivery: Delivery, judged: Judged) -> None:
    """Keep the rules' answers of one delivery; one that could not be read was asked nothing."""
    if judged.asked:
        said = Said(delivery.kind, delivery.batch_id, session.as_of, judged.asked, judged.checks, judged.delivered)
        data_docs.keep(folder_of(home, session.pipeline), said)


@task(name="build data docs", **STEP)
def build_data_docs(session: Session, home: Path) -> Path:
    """Make the pages that are missing and the index, whose path it gives."""
    folder = folder_of(home, session.pipeline)
    data_docs.build(folder)
    return data_docs.index_of(folder)
