"""Shows pages, tables and progress on a run's page in the Prefect UI.

What is shown decides nothing: when it cannot be shown that is told, and the run goes on.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact

from tasks.adapters.orchestrator import answering
from tasks.core.errors import KeepfitError

_log = logging.getLogger(__name__)


@contextmanager
def only_shown() -> Iterator[None]:
    """A block that shows people what stands already: its failure is an alert, and changes nothing of what stands."""
    try:
        yield
    except KeepfitError as error:
        _log.error("what was decided stands, and could not be shown: %s", error)


def show_page(stage: str, pipeline: str, text: str) -> None:
    """A run's dossier: the markdown artifact `<stage>-<pipeline>`, whose history Prefect keeps.

    Its description, which stands on the card in the run's *Artifacts* tab, is the page's first sentence: the outcome.
    """
    _, lead, *_ = text.split("\n\n", 2)
    with only_shown(), answering("did not take a run's page"):
        create_markdown_artifact(text, key=artifact_key(stage, pipeline), description=lead)


def begin_progress(stage: str, pipeline: str, what: str) -> UUID | None:
    """A progress bar at 0 on the run's page; None when Prefect does not show one."""
    with only_shown(), answering("did not take a progress bar"):
        found = create_progress_artifact(0.0, key=artifact_key(f"{stage}-progress", pipeline), description=what)
        return UUID(str(found))
    return None


def move_progress(bar: UUID | None, done: int, total: int) -> None:
    """Move the bar, where there is one."""
    if bar is not None:
        with only_shown(), answering("did not move a progress bar"):
            update_progress_artifact(bar, min(100.0, 100.0 * done / max(1, total)))


def count_progress(stage: str, pipeline: str, what: str, total: int) -> Callable[[], None]:
    """A progress bar of so many steps; call what is given after each of them."""
    bar, done = begin_progress(stage, pipeline, what), count(1)
    return lambda: move_progress(bar, next(done), total)


def artifact_key(stage: str, pipeline: str) -> str:
    """Prefect takes lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9-]", "-", f"{stage}-{pipeline}")
