"""Bombs are ended at a declared bound: of memory, of time, of what regular expressions may take."""

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import time

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from config.settings import PROJECT
from tasks.adapters import patterns
from tasks.adapters.expectations import Expectation, validate
from tasks.adapters.sources import Folder
from tasks.core.columns import Column, convert
from tasks.core.errors import DataRejected
from tasks.core.results import Verdict

_READ = """
import sys
from pathlib import Path
from tasks.adapters.sources import Folder
from tasks.core.errors import DataRejected
import fsspec, pandas, pyarrow.parquet


def most():  # of its own: the maximum that getrusage tells begins with that of the process that started this one
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))


before = most()
try:
    Folder(path=".", max_size="20MB").read(Path(sys.argv[1]))
except DataRejected as error:
    print(error.rule, most() - before)
"""


def rle_bomb(path):
    """Twenty million rows of one value in a few kilobytes."""
    schema = pa.schema([("a", pa.int64())])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(20):
            writer.write_table(pa.table({"a": pa.array([7] * 1_000_000)}, schema))
    return path


def dictionary_bomb(path):
    """A hundred thousand rows of one long text, held once."""
    pq.write_table(pa.table({"a": pa.array(["x" * 20_000] * 20_000)}), path, compression="zstd")
    return path


def packed(pack, content):
    def write(path):
        path.write_bytes(pack(content))
        return path

    return write


ROWS = b"a,b\n" + b"1,2\n" * 25_000_000
BOMBS = {
    "a.csv.gz": packed(lambda content: gzip.compress(content, 1), ROWS),
    "a.csv.bz2": packed(lambda content: bz2.compress(content, 1), ROWS[: len(ROWS) // 3]),
    "a.csv.xz": packed(lambda content: lzma.compress(content, preset=0), ROWS),
    "a.parquet": rle_bomb,
    "b.parquet": dictionary_bomb,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_ended_before_it_takes_the_memory(name, tmp_path):
    path = BOMBS[name](tmp_path / name)
    assert path.stat().st_size < 2_000_000
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(path)], cwd=PROJECT, capture_output=True, text=True, timeout=200, check=True
    )
    rule, kilobytes = done.stdout.split()
    assert rule == "max-size"
    assert int(kilobytes) < 200_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ",".join(f"c{n}" for n in range(2000)) + "\n" + "1\n" * 2000),
        ("a.jsonl", "".join(json.dumps({f"c{n}": 1}) + "\n" for n in range(2000))),
    ],
)
def test_many_rows_of_many_columns_are_bounded_though_the_file_is_small(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    assert len(Folder(path=".").read(tmp_path / name)) == 2000
    with pytest.raises(DataRejected, match=r"2,000 rows of 2,000 columns.*raise source\.max_size") as caught:
        Folder(path=".", max_size="30MB").read(tmp_path / name)
    assert caught.value.rule == "max-size"


def test_a_size_is_written_as_people_write_it():
    assert Folder(path=".", max_size="500MB").max_size == 500_000_000
    for wrong in ("0", "-1MB", "much"):
        with pytest.raises(ValidationError, match="max_size"):
            Folder(path=".", max_size=wrong)


LONG = (
    ("number", "1" * 130_000 + "x"),
    ("number", "1" * 130_000),
    ("number", "1e" + "9" * 130_000),
    ("integer", "1" * 130_000),
    ("datetime", "T" * 130_000),
    ("datetime", "2025" + " T" * 60_000 + "x"),
    ("datetime", "2025-01-01T" + "0" * 100_000),
    ("datetime", "2025-01-01" + "-1" * 60_000),
    ("boolean", "t" * 130_000),
)


@pytest.mark.parametrize(("kind", "text"), LONG)
def test_no_pattern_of_ours_takes_long_on_any_text(kind, text):
    column = Column(name="a", role="protected", type=kind)
    began = time.process_time()
    converted = convert(pd.DataFrame({"a": [text, text]}, dtype=object), [column])
    assert time.process_time() - began < 2
    assert converted.faults == {"type:a": [0, 1]}


@pytest.mark.timeout(200)  # unguarded it takes years
def test_a_pattern_of_a_pipeline_that_does_not_end_is_ended_and_refuses(monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 1.0)
    rows = pd.DataFrame({"a": ["aaa", "a" * 60 + "!"]}, dtype=object)
    rule = Expectation(expect="ExpectColumnValuesToMatchRegex", arguments={"column": "a", "regex": "^(a+)+$"})
    answer = validate(rows, [rule])
    assert answer.refusals == (rule.rule,)
    assert answer.checks[0].verdict is Verdict.UNKNOWN
    assert "takes longer than 1 s" in answer.checks[0].reason
    children = psutil.Process(os.getpid()).children(recursive=True)
    assert not [one for one in children if "re.compile" in " ".join(one.cmdline())]


def test_a_pattern_that_ends_or_is_none_is_left_to_the_suite():
    assert patterns.answers_in_time(["^a$", "b"], ["a", "b\ud800", "ü"])
    assert patterns.answers_in_time(["(", "["], ["a"])
