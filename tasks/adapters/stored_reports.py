"""Reports that Evidently's server reads back from its workspace: a bad one is left out, and no code is imported.

Evidently imports what a report names as its type, and beside one file that it cannot read it shows none at all.
"""

import json
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from evidently.ui.service.storage.local import LocalState

_log = logging.getLogger(__name__)


def distrust() -> None:
    """From now on Evidently, in this process, reads its own kinds of reports only, and goes on without a bad file."""
    from evidently import pydantic_utils
    from evidently.ui.service.storage.local import base

    # By its own rule a report may name anything below `evidently.`; importing its command line runs that.
    pydantic_utils.ALLOWED_TYPE_PREFIXES[:] = set(pydantic_utils.TYPE_ALIASES.values())
    read_project, read_snapshot = base.load_project, base.LocalState.reload_snapshot

    def load_project(location: Any, path: str) -> Any:
        try:
            project = read_project(location, path)
            if project is not None:
                _check_project(project, path)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others are shown
            _left_out(f"{path}/{base.METADATA_PATH}", error)
            return None
        return project

    def reload_snapshot(self: "LocalState", project: Any, snapshot_id: UUID, skip_errors: bool = True) -> None:  # noqa: ARG001, FBT
        # Read aside and shown when it is sound, as another dictionary: requests loop over the reports meanwhile.
        others = {known: one for known, one in self.snapshots.get(project.id, {}).items() if known != snapshot_id}
        alone = type(self)(self.path, None)
        alone.snapshots = {project.id: {}}
        try:
            read_snapshot(alone, project, snapshot_id, skip_errors=False)
            snapshot = alone.snapshots[project.id][snapshot_id]
            _check_snapshot(alone, snapshot)
            for callback in self.callbacks:
                callback(project.id, snapshot_id, snapshot)
            self.snapshots[project.id] = others | {snapshot_id: snapshot}
        except Exception as error:  # noqa: BLE001 - as above
            self.snapshots[project.id] = others
            _left_out(f"{project.id}/{base.SNAPSHOTS}/{snapshot_id}.json", error)

    base.load_project, base.LocalState.reload_snapshot = load_project, reload_snapshot


def _check_project(project: Any, path: str) -> None:
    """Refuse what the list of all projects would fail with: it is sorted and sent."""
    if str(project.id) != path:
        raise ValueError("the project of another folder")
    _comparable(project.created_at)
    _sendable([project.name, project.description])


def _check_snapshot(alone: "LocalState", snapshot: Any) -> None:
    """Refuse what the list of a project's reports, or the lines of its dashboard, would fail with."""
    from evidently.ui.service.storage.local import InMemoryDataStorage

    _comparable(snapshot.timestamp)
    _sendable([snapshot.name, snapshot.tags, snapshot.metadata])
    InMemoryDataStorage(alone.path, alone)


def _comparable(moment: datetime | None) -> None:
    if moment is not None and moment.tzinfo is not None:
        raise ValueError("a time with a zone, which cannot be sorted among those without one")


def _sendable(told: Any) -> None:
    json.dumps(told, ensure_ascii=False).encode()


def _left_out(path: str, error: Exception) -> None:
    told = (
        "Evidently cannot read %s in its workspace (%s), and shows the rest. Remove the file: "
        "a project's is written anew by the pipeline's next check, and a report stands in MLflow, too."
    )
    _log.error(told, path, type(error).__name__)
