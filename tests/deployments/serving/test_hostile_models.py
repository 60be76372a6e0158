"""Model files that would run code where they are loaded, each under a receipt of its own: none runs, none answers."""

import gzip
import io
import json
import os
import pickle
import zipfile
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from deployments.serving.verified import load
from tasks.adapters import cleanroom
from tasks.adapters.fits import Fitted
from tasks.adapters.store import Store
from tasks.core.championship import Reign
from tasks.core.errors import ArtefactMismatch
from tasks.core.results import Snapshot, Window
from tasks.versions import tags_of
from tests.tasks.core.test_fitting import RECIPE

MARK = "executed"
NOW = datetime(2024, 3, 1, tzinfo=UTC)
MOMENT = NOW.isoformat()
SNAPSHOT = Snapshot("p", 3, 4, Window(datetime(2024, 1, 1, tzinfo=UTC), NOW), NOW, 100, "digest")
NODES = ("ObjectNode", "FunctionNode", "TypeNode", "PartialNode", "MethodNode", "ReduceNode", "OperatorFuncNode",
         "DefaultDictNode", "SimpleNode", "RandomStateNode")  # fmt: skip


class Runs:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def archive(node, command):
    """A skops archive whose schema calls for os.system by way of one kind of node."""
    argument = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(command),
                "is_json": True, "__id__": 2}  # fmt: skip
    state = {
        "__class__": "system", "__module__": "os", "__loader__": node, "__id__": 1, "content": argument,
        "func": argument,
        "args": argument, "namespace": argument, "keywords": argument, "attrs": argument, "reduce": {"args": argument},
        "protocol": 2, "_skops_version": "0.13.0",
    }  # fmt: skip
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("schema.json", json.dumps(state))
    return held.getvalue()


def hostile(command):
    files = {f"pickle {protocol}": pickle.dumps(Runs(command), protocol) for protocol in range(6)}
    files["gzip"] = gzip.compress(files["pickle 4"])
    files |= {f"skops {node}": archive(node, command) for node in NODES}
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("schema.json", files["pickle 4"])
    files["zip of a pickle"] = held.getvalue()
    return files | {"empty": b"", "cut": archive("ObjectNode", command)[:-30]}


@pytest.mark.parametrize("name", list(hostile("x")))
def test_none_of_it_runs_or_answers(tmp_path, name):
    mark = tmp_path / MARK
    content = hostile(f"touch {mark}")[name]
    digest = sha256(content).hexdigest()
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / f"{digest}.skops").write_bytes(content)
    # All that stands beside the file is sound, so that it is the file that is refused.
    tags = tags_of(digest, Fitted("key", digest, {"evaluation_roc_auc": 0.8}, MOMENT, MOMENT), SNAPSHOT, RECIPE)
    (folder / f"{digest}.json").write_text(json.dumps({"number": 1, "run_id": "r", "tags": tags}))
    with pytest.raises(ArtefactMismatch, match="The model file cannot be loaded"):
        cleanroom.load_model(folder / f"{digest}.skops")
    with pytest.raises(ArtefactMismatch, match="The model file cannot be loaded"):
        load(Store(str(tmp_path / "store"), "p"), folder, Reign(1, None, digest, 1), "binary", registry_answers=False)
    assert not mark.exists()


def test_the_files_would_run_if_they_were_believed(tmp_path):
    mark = tmp_path / MARK
    pickle.loads(hostile(f"touch {mark}")["pickle 4"])  # noqa: S301 - that is the point
    assert mark.exists()
    assert len(hostile("x")) == 20
