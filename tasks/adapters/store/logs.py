"""What delta-rs does not notice of a damaged log: a commit that is empty or somebody else's, a log that is gone.

It reads such a commit as one that did nothing, so that rows are silently missing. In local folders only: object
stores put whole files.
"""

import json
from pathlib import Path

from tasks.adapters.store.failures import damaged

_ACTIONS = {"add", "remove", "metaData", "protocol", "txn", "commitInfo", "cdc", "domainMetadata"}
_NEWEST = 20  # a checkpoint holds what is older (`delta.checkpointInterval`)

_WITHOUT_BACKUP = (
    " It is the newest commit, as a power cut may leave it: without a backup move that file away, run `keepfit run "
    "reconciliation` and `keepfit verify`, which tells whether anything is missing then."
)


def refuse_holes(uri: str, version: int) -> None:
    """Raise ArtefactMismatch where one of the newest commits up to a version says nothing that a table can be told."""
    for number in range(max(0, version + 1 - _NEWEST), version + 1) if "://" not in uri else ():
        commit = Path(uri) / "_delta_log" / f"{number:020}.json"
        if commit.exists() and not _tells(commit):
            last = _WITHOUT_BACKUP if number == version else ""
            raise damaged(uri, f"{commit.name} of its log in _delta_log holds no commit", last)


def refuse_lost_log(uri: str) -> None:
    """Raise ArtefactMismatch where data files lie in the folder of what is no table; a log is always written first."""
    if "://" not in uri and next(Path(uri).glob("*.parquet"), None) is not None:
        raise damaged(uri, "its log in _delta_log is gone")


def _tells(commit: Path) -> bool:
    with commit.open("rb") as lines:
        try:
            action = json.loads(next(lines, b""))
        except ValueError:
            return False
    return isinstance(action, dict) and not _ACTIONS.isdisjoint(action)
