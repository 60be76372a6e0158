"""Stored results that would run code where Prefect reads them: each is removed unread, and ours stay."""

import base64
import bz2
import json
import lzma
import os
import pickle
import sys
import zlib
from contextlib import suppress

import pytest
from prefect._internal.result_records import ResultRecord, ResultRecordMetadata
from prefect.serializers import JSONSerializer
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from tasks.adapters import stored_results
from tasks.retrying import CACHED

KEY, MARK = "k" * 64, "executed"
OURS = {"score": 0.5, "reason": "", "none": None, "deep": [{"a": [1, "b"]}]}
EVIL = """
from pathlib import Path
Path({mark!r}).touch()
def loads(*_, **__): return 1
def decode(told): return told
class Thing: pass
class Broken(Exception): pass
"""


class Runs:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def record(serializer, result, **metadata):
    return json.dumps({"metadata": {"serializer": serializer, "prefect_version": "3.8.8"} | metadata, "result": result})


def hostile(command):
    """By name: the file, each of which runs the command or imports the module `evil`."""
    raw = pickle.dumps(Runs(command))
    text, plain = base64.encodebytes(raw).decode(), JSONSerializer().model_dump()
    pickled = {"type": "pickle", "picklelib": "pickle"}
    files = {f"pickle by {name}": record({"type": "pickle", "picklelib": name}, text)
             for name in ("pickle", "cloudpickle", "_pickle")}  # fmt: skip
    packed = {
        name: base64.encodebytes(squeeze(text.encode())).decode()
        for name, squeeze in {"lzma": lzma.compress, "zlib": zlib.compress, "bz2": bz2.compress}.items()
    }
    for name, told in packed.items():
        squeezed = {"type": "compressed", "compressionlib": name, "serializer": pickled}
        files[f"{name} of a pickle"] = record(squeezed, told)
    files |= {
        "compressed/pickle": record({"type": "compressed/pickle"}, packed["lzma"]),
        "no serializer": json.dumps({"metadata": {}, "result": text}),
        "no metadata": json.dumps({"result": text}),
        "old form": json.dumps({"serializer": pickled, "data": text, "prefect_version": "2.0"}),
        "old over new": json.dumps({"metadata": {"serializer": plain}, "serializer": pickled, "result": text}),
        "twice": record(plain, text).replace('"metadata"', '"metadata": {}, "metadata"', 1),
        "bare pickle": raw,
        "json by evil": record(plain | {"jsonlib": "evil"}, "1"),
        "decoded by evil": record(plain | {"object_decoder": "evil.decode"}, "{}"),
        "read by cloudpickle": record(plain | {"jsonlib": "cloudpickle"}, text),
        "arguments": record(plain | {"loads_kwargs": {"cls": "evil.Thing"}}, "{}"),
        "cut": record(plain, "{}")[:-9],
        "deep": record(plain, "[" * 100_000),
        "number": record(plain, 1),
        "list": b"[]",
    }  # fmt: skip
    for name, told in {"a class": {"__class__": "evil.Thing", "data": {}}, "an error": {"__exc_type__": "evil.Broken",
                       "message": "x"}}.items():  # fmt: skip
        files |= {name: record(plain, json.dumps(told)), f"{name} inside": record(plain, json.dumps([{"a": [told]}]))}
    return {name: file if isinstance(file, bytes) else file.encode() for name, file in files.items()}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Where Prefect stores results; a module `evil`, whose import leaves a mark, can be found."""
    (tmp_path / "evil.py").write_text(EVIL.format(mark=str(tmp_path / MARK)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: str(tmp_path / "results")}):
        (tmp_path / "results").mkdir()
        yield tmp_path / "results"
    sys.modules.pop("evil", None)


@pytest.mark.parametrize("name", list(hostile("x")))
def test_none_of_it_runs_or_is_left_for_prefect(results, name):
    mark = results.parent / MARK
    (results / KEY).write_bytes(hostile(f"touch {mark}")[name])
    assert CACHED["cache_key_fn"](None, {"key": KEY}) == KEY
    assert not (results / KEY).exists()
    assert not mark.exists()


@pytest.mark.parametrize("name", ["pickle by pickle", "no serializer", "compressed/pickle", "json by evil", "a class"])
def test_prefect_would_run_it(results, name):
    mark = results.parent / MARK
    (results / KEY).write_bytes(hostile(f"touch {mark}")[name])
    with suppress(Exception):  # whatever it says, it has run
        ResultRecord.deserialize((results / KEY).read_bytes(), backup_serializer=JSONSerializer())
    assert mark.exists()


def test_what_prefect_wrote_for_us_stays_and_is_read(results):
    told = ResultRecordMetadata(storage_key=str(results / KEY), serializer=JSONSerializer())
    written = ResultRecord(result=OURS, metadata=told).serialize()
    (results / KEY).write_bytes(written)
    stored_results.distrust(KEY)
    assert (results / KEY).read_bytes() == written
    assert ResultRecord.deserialize(written).result == OURS


def test_there_are_enough_of_them():
    assert len(hostile("x")) >= 20
