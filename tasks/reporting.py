"""Shows pages, tables and progress on a run's page in the Prefect UI."""

import re
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact


def show_page(stage: str, pipeline: str, text: str) -> None:
    """A run's dossier: the markdown artifact `<stage>-<pipeline>`, whose history Prefect keeps.

    Its description, which stands on the card in the run's *Artifacts* tab, is the page's first sentence: the outcome.
    """
    _, lead, *_ = text.split("\n\n", 2)
    create_markdown_artifact(text, key=artifact_key(stage, pipeline), description=lead)


def begin_progress(stage: str, pipeline: str, what: str) -> UUID:
    """A progress bar at 0 on the run's page."""
    found = create_progress_artifact(0.0, key=artifact_key(f"{stage}-progress", pipeline), description=what)
    return UUID(str(found))


def move_progress(bar: UUID, done: int, total: int) -> None:
    """Move the bar."""
    update_progress_artifact(bar, min(100.0, 100.0 * done / max(1, total)))


def artifact_key(stage: str, pipeline: str) -> str:
    """Prefect takes lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9-]", "-", f"{stage}-{pipeline}")
