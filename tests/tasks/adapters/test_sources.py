"""A source lists settled files only, reads every row as text, and says in plain words why a file is not readable."""

import bz2
import gzip
import json
import lzma
import os
import re
import time
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.adapters.sources import Folder, FolderLabels, Sample
from tasks.core.errors import DataRejected, SourceUnavailable

CANARY = "4711-secret"


@contextmanager
def zipped(path, mode):
    with zipfile.ZipFile(path, mode[0], zipfile.ZIP_DEFLATED) as archive, archive.open("inside", "w") as file:
        yield file


OPENERS = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zip": zipped}


def put(folder, name, content, age=60):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (time.time() - age,) * 2)
    return path


def read(folder, content, **more):
    return Folder(path=str(folder), **more).read(put(folder, "a.csv", content))


def test_a_file_that_is_still_being_written_is_left_alone_until_it_has_settled(tmp_path):
    put(tmp_path, "b.csv", "x\n1\n"), put(tmp_path, "a.csv", "x\n1\n"), put(tmp_path, "c.csv", "x\n", age=0)
    listing = Folder(path=str(tmp_path), settle="30s").listing(tmp_path)
    assert [path.name for path in listing.ready] == ["a.csv", "b.csv"]
    assert listing.unsettled == ("c.csv",)
    assert len(Folder(path=str(tmp_path), settle="0s").listing(tmp_path).ready) == 3


def test_unfinished_names_folders_and_other_files_are_not_deliveries(tmp_path):
    for name in ("a.csv.part", "b.tmp", "c.crdownload", "d.txt", "e.partial"):
        put(tmp_path, name, "x\n1\n")
    (tmp_path / "dir.csv").mkdir()
    for pattern in ("*.csv", "*.csv*"):
        assert Folder(path=str(tmp_path), pattern=pattern).listing(tmp_path).ready == ()


def test_links_are_followed_inside_of_the_folder_only(tmp_path):
    inside, outside = tmp_path / "in", put(tmp_path, "other.csv", "x\n1\n")
    inside.mkdir()
    put(inside, "a.csv", "x\n1\n")
    (inside / "b.csv").symlink_to(inside / "a.csv")
    (inside / "c.csv").symlink_to(outside)
    (inside / "d.csv").symlink_to(inside / "nothing")
    (inside / "e.csv").symlink_to(tmp_path)
    (inside / "f.csv").mkdir()
    os.mkfifo(inside / "g.csv")
    linked = tmp_path / "linked"
    linked.symlink_to(inside)
    for folder in (inside, linked):  # the folder itself may be a link: its owner declared it
        listing = Folder(path=str(folder)).listing(tmp_path)
        assert [path.name for path in listing.ready] == ["a.csv", "b.csv"]
        assert listing.left_out == {
            "c.csv": "file:link", "d.csv": "file:link", "e.csv": "file:link", "f.csv": "file:folder",
            "g.csv": "file:special",
        }  # fmt: skip


def test_a_missing_folder_is_told_and_is_not_an_empty_one(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"nowhere does not exist\. Create it, or change source\.path"):
        Folder(path=str(tmp_path / "nowhere")).listing(tmp_path)


def test_a_folder_that_cannot_be_listed_is_told_and_is_not_an_empty_one(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceUnavailable, match=r"cannot be listed \(Permission denied\)"):
        Folder(path=str(tmp_path)).listing(tmp_path)


def test_a_file_that_is_gone_may_come_back_and_is_not_called_unreadable(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"gone\.csv cannot be opened"):
        Folder(path=str(tmp_path)).read(tmp_path / "gone.csv")


def test_variables_in_the_path_are_read_when_it_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path))
    source = Folder(path="$KEEPFIT_HOME/in")
    assert source.folder == tmp_path / "in"
    assert source.path == "$KEEPFIT_HOME/in"


def test_every_field_stays_text(tmp_path):
    frame = read(tmp_path, 'id,a,b\n007,NA,1.10\n0008,"",None\n9,"x, ""y""\nz", 5 \n')
    assert frame.to_numpy().tolist() == [["007", "NA", "1.10"], ["0008", "", "None"], ["9", 'x, "y"\nz', " 5 "]]
    assert list(frame.index) == [0, 1, 2]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")), min_size=2, max_size=2)
    )
)
def test_what_a_writer_quotes_comes_back_to_the_letter(tmp_path, rows):
    import csv

    with (tmp_path / "w.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    assert Folder(path=str(tmp_path)).read(tmp_path / "w.csv").to_numpy().tolist() == rows


def test_separator_and_encoding_are_as_declared(tmp_path):
    assert read(tmp_path, "ä;b\n1,5;ü\n".encode("cp1252"), separator=";", encoding="cp1252").to_numpy().tolist() == [
        ["1,5", "ü"]
    ]
    assert list(read(tmp_path, "\ufeffa,b\n1,2\n")) == ["a", "b"]


def test_a_header_alone_is_a_delivery_of_no_rows(tmp_path):
    frame = read(tmp_path, "a,b\n")
    assert (list(frame), len(frame)) == (["a", "b"], 0)


def test_a_short_row_is_read_with_its_lacking_fields_marked(tmp_path):
    frame = read(tmp_path, "a,b,c\n1,,3\n1,2\n")
    assert frame["c"].isna().tolist() == [False, True]
    assert frame["b"].tolist() == ["", "2"]


def test_a_row_that_was_cut_off_is_set_aside_when_it_is_converted(tmp_path):
    from tasks.core.columns import Column, convert

    whole = "a,b\n1,20\n2,30\n"
    for cut in ("a,b\n1,20\n2", "a,b\n1,20\n2\n"):
        frame = read(tmp_path, cut)
        columns = [Column(name=name, role="feature", type="integer") for name in "ab"]
        assert convert(frame, columns).faults == {"short:b": [1]}
    assert convert(read(tmp_path, whole), columns).faults == {}


LINES = "".join(f"{n},{CANARY}\n" for n in range(50))
UNREADABLE = {
    "empty": (b"", "The file is empty: not even a header"),
    "duplicate header": (f"a,b,a\n1,{CANARY},3\n", "Fields 1 and 3 of the header hold the same name"),
    "too long a row": (f"a,b\n1,2\n1,{CANARY},3\n", "Record 2 has 3 fields and the header has 2"),
    "unbalanced quote": (f'a,b\n1,"{CANARY}\n1,2\n', "its quotes do not balance"),
    "text after a quote": (f'a,b\n1,"{CANARY}"x\n', "its quotes do not balance"),
    "NUL byte": (f"a,b\n1,{CANARY}\0\n", "Record 1 holds a NUL byte"),
    "NUL bytes at the end of a file that was not written out": (b"a,b\n1,2\n" + b"\0" * 64, "holds a NUL byte"),
    "wrong encoding": (f"a,b\n1,{CANARY}ü\n".encode("cp1252"), "its bytes are not utf-8-sig text"),
    "UTF-16": (f"a,b\n1,{CANARY}\n".encode("utf-16"), "its bytes are not utf-8-sig text"),
    "cut inside a quoted field": (f'a,b\n1,"{CANARY}', "its quotes do not balance"),
    "a field without end": ('a,b\n1,"' + "x" * 200_000 + '"\n', "longer than any"),
}


def plain(message):
    """No cell, no path, no class name of a reader, and something to do."""
    assert CANARY not in message
    assert not re.search(r"Error|Exception|Traceback|pandas|pyarrow|Arrow|0x", message)
    assert re.search(r"Check |[Hh]ave (it|the file) delivered again|needs a name", message)


@pytest.mark.parametrize(("content", "told"), UNREADABLE.values(), ids=list(UNREADABLE))
def test_an_unreadable_file_is_refused_in_plain_words_without_its_cells(tmp_path, content, told):
    with pytest.raises(DataRejected, match=re.escape(told)) as caught:
        read(tmp_path, content)
    plain(str(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_rows_are_counted_twice(tmp_path):
    # A line of blanks is a record to one reader and nothing to the other.
    with pytest.raises(DataRejected, match=r"3 records by one count and 2 by another") as caught:
        read(tmp_path, f"a\n{CANARY}\n   \n2\n")
    plain(str(caught.value))


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz", ".zip"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_compressed_file_reads_like_the_file_itself_and_a_cut_one_is_refused(tmp_path, name, ending):
    rows = "".join(f"{n:05d},{n * 0.1}\n" for n in range(2000))
    records = "".join(json.dumps({"a": f"{n:05d}", "b": n * 0.1}) + "\n" for n in range(2000))
    path = tmp_path / (name + ending)
    with OPENERS[ending](path, "wb") as file:
        file.write(("a,b\n" + rows if name == "a.csv" else records).encode())
    frame = Folder(path=str(tmp_path)).read(path)
    assert frame.to_numpy().tolist() == [[f"{n:05d}", str(n * 0.1)] for n in range(2000)]
    if ending:
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(DataRejected, match="it is damaged or of another format") as caught:
            Folder(path=str(tmp_path)).read(path)
        plain(str(caught.value))


VALUE = st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(exclude_categories=["Cs"])))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUE), min_size=1, max_size=6))
def test_json_lines_come_back_to_the_letter_and_what_is_left_out_is_missing(tmp_path, records):
    path = tmp_path / "w.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    frame = Folder(path=str(tmp_path)).read(path)
    written = {True: "true", False: "false", None: None}
    assert len(frame) == len(records)
    for name in frame:
        values = [record.get(name) for record in records]
        told = [written[value] if value is None or isinstance(value, bool) else str(value) for value in values]
        assert frame[name].tolist() == told


def test_numbers_of_json_lines_are_not_rounded(tmp_path):
    path = put(tmp_path, "a.jsonl", '{"a": 9007199254740993, "b": 0.10, "c": 1e400}\n')
    assert Folder(path=str(tmp_path)).read(path).to_numpy().tolist() == [["9007199254740993", "0.10", "1e400"]]


LINE = f'{{"a": "{CANARY}"}}\n'
NO_JSON = {
    "empty": ("", "not one record"),
    "cut": (LINE + LINE[:-4], "Line 2 is no JSON object"),
    "a list": (LINE + f'["{CANARY}"]\n', "Line 2 is no JSON object"),
    "a blank line": (LINE + "\n" + LINE, "Line 2 is no JSON object"),
    "named twice": (f'{{"a": 1, "a": "{CANARY}"}}\n', "names a field twice"),
    "not a number": ('{"a": NaN}\n', "Line 1 is no JSON object"),
    "nested": (LINE + f'{{"a": {{"b": "{CANARY}"}}}}\n', "Line 2 holds values inside of its field 1"),
    "one array over lines": (f'[\n{{"a": "{CANARY}"}}\n]\n', "Line 1 is no JSON object"),
}


@pytest.mark.parametrize(("content", "told"), NO_JSON.values(), ids=list(NO_JSON))
def test_what_is_no_line_of_json_is_refused_in_plain_words(tmp_path, content, told):
    with pytest.raises(DataRejected, match=re.escape(told)) as caught:
        Folder(path=str(tmp_path)).read(put(tmp_path, "a.ndjson", content))
    plain(str(caught.value))


def parquet(folder, name="a.parquet", **columns):
    path = folder / name
    pq.write_table(pa.table(columns), path, write_page_checksum=True, compression="none")
    return path


def test_parquet_keeps_its_types_and_its_gaps(tmp_path):
    path = parquet(tmp_path, n=pa.array([9007199254740995, None]), s=pa.array(["007", None]))
    frame = Folder(path=str(tmp_path)).read(path)
    assert frame["n"].tolist() == [9007199254740995, None]
    assert frame["s"].tolist() == ["007", None]


@pytest.mark.parametrize("damage", ["flipped", "cut", "text", "empty"])
def test_a_damaged_parquet_file_is_refused(tmp_path, damage):
    path = parquet(tmp_path, s=pa.array([f"{CANARY}{n}" for n in range(1000)]))
    content = bytearray(path.read_bytes())
    content[content.index(CANARY.encode()) + 3] ^= 0x01
    path.write_bytes(
        {"flipped": bytes(content), "cut": bytes(content[:-50]), "text": b"a,b\n1,2\n", "empty": b""}[damage]
    )
    with pytest.raises(DataRejected, match="not readable as parquet: it is damaged or of another format") as caught:
        Folder(path=str(tmp_path)).read(path)
    plain(str(caught.value))


def test_the_format_follows_the_ending_unless_it_is_declared(tmp_path):
    path = parquet(tmp_path, "a.dat", n=pa.array([1]))
    assert Folder(path=str(tmp_path), format="parquet").read(path)["n"].tolist() == [1]
    with pytest.raises(DataRejected, match="as csv"):
        Folder(path=str(tmp_path)).read(path)


def test_a_parquet_index_is_no_row_number(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"n": [5, 6]}, index=[7, 7]).to_parquet(path)
    assert list(Folder(path=str(tmp_path)).read(path).index) == [0, 1]


@pytest.mark.parametrize(
    "wrong",
    [{"encoding": "utf-9"}, {"separator": ";;"}, {"path": ""}, {"patern": "*"}, {"format": "xls"}, {"settle": "soon"}],
)
def test_a_source_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Folder(**({"path": "in"} | wrong))


def test_the_sample_delivers_what_is_due_once_and_labels_beside_events(tmp_path):
    source = Sample(path=str(tmp_path / "events"))
    first, later = datetime(2024, 3, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    source.deliver(datetime(1999, 1, 1, tzinfo=UTC), tmp_path, ())
    assert not Path(tmp_path / "events").exists()
    source.deliver(first, tmp_path, ())
    early = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    source.deliver(first, tmp_path, ())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == early
    source.deliver(later, tmp_path, ())
    names = {path.parent.name for path in tmp_path.rglob("*.csv")}
    assert names == {"events", "labels"}
    assert len(list(tmp_path.rglob("*.csv"))) > len(early)
    assert not list(tmp_path.rglob("*.part"))
    assert all(path.read_bytes() == content for path, content in early.items())
    labels = FolderLabels(path=str(tmp_path / "labels"), id="subscription_id", label="churned", known_at="known_at")
    assert set(labels.read(next((tmp_path / "labels").glob("*.csv")))) >= {"subscription_id", "churned", "known_at"}
