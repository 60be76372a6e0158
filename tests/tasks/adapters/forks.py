"""Erases in a child for each store that is named, killed at a point first and then run to its end; see test_erasures.

A program of its own: it forks before any table is opened, because the threads of table readers do not survive a fork.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from tasks.adapters import erasure_requests, erasures
from tasks.adapters.sources import Folder, FolderLabels
from tasks.adapters.store import Store
from tasks.core.privacy.erasure import Traces
from tasks.core.privacy.keys import Keys
from tasks.core.results import Snapshot, Window

READERS = {
    "events": Folder(path="in").read,
    "labels": FolderLabels(kind="folder", path="in", id="who", label="left", known_at="at").read,
}


def erase(root: str, who: str, pinned: Snapshot) -> None:
    store, traces = Store(root, "p"), Traces.of(who, None, Keys(), ("who",), is_id=True)
    plan = erasure_requests.planned(
        store, "k1.x", lambda: erasures.plan(store, "k1.x", 0, traces, READERS, {1: pinned})
    )
    erasures.carry_out(store, plan, READERS, Path(root) / "answers")
    erasure_requests.forget(store, "k1.x")


def main() -> None:
    who, kept, roots = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    window = Window(*(datetime.fromisoformat(kept["window"][end]) for end in ("start", "end")))
    pinned = Snapshot(**{**kept, "window": window, "as_of": datetime.fromisoformat(kept["as_of"])})
    for point, root in roots.items():
        for armed in (point, ""):
            if (child := os.fork()) == 0:
                os.environ["KEEPFIT_FAULT"] = armed
                erase(root, who, pinned)
                os._exit(0)
            print(point, bool(armed), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
