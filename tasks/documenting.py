"""Task wrappers that keep what a suite said of a delivery, and make the Data Docs of it. Nothing rests on these."""

from datetime import datetime
from pathlib import Path

from prefect import task

from tasks.adapters import data_docs
from tasks.adapters.data_docs import Said
from tasks.core.batches import Delivery, Judged
from tasks.retrying import STEP


def folder_of(home: Path, pipeline: str) -> Path:
    """Where a pipeline's Data Docs stand."""
    return home / "data_docs" / pipeline


@task(name="keep validation", task_run_name="keep validation of {delivery.name}", **STEP)
def keep_validation(folder: Path, delivery: Delivery, judged: Judged, as_of: datetime) -> None:
    """Keep the rules' answers of one delivery; one that could not be read was asked nothing."""
    if judged.asked:
        said = Said(delivery.kind, delivery.batch_id, as_of, judged.asked, judged.checks, judged.delivered)
        data_docs.keep(folder, said)


@task(name="build data docs", **STEP)
def build_data_docs(folder: Path) -> Path:
    """Make the pages that are missing and the index, whose path it gives."""
    data_docs.build(folder)
    return data_docs.index_of(folder)
