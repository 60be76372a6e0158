"""A log that lost what delta-rs does not miss is refused; whatever a crash may leave behind is not."""

import pandas as pd
import pytest

from tasks.adapters.store import tables
from tasks.adapters.store.logs import refuse_holes, refuse_lost_log
from tasks.core.errors import ArtefactMismatch

ROWS = pd.DataFrame({"a": [1, 2]})


@pytest.fixture
def table(tmp_path):
    """A table of 45 commits, as many as need checkpoints; its folder."""
    for number in range(44):
        tables.append(str(tmp_path / "t"), ROWS, f"t{number}")
    return tmp_path / "t"


def commit(table, number):
    return table / "_delta_log" / f"{number:020}.json"


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"[]", b"null", b"3", b'{"hello": 1}', b"\xff"])
def test_delta_rs_itself_misses_an_empty_commit_and_a_foreign_one_and_here_both_are_refused(table, content):
    commit(table, 44).write_bytes(content)
    with pytest.raises(ArtefactMismatch, match=r"could not be read \(.*_delta_log.*Restore the folder from a") as told:
        tables.open_table(str(table))
    assert ("move that file away" in str(told.value)) or content.strip() not in {b"", b"{}", b'{"hello": 1}'}
    assert tables.open_table(str(table), 43).count() == 86, "older versions are sound"


def test_what_no_checkpoint_holds_is_looked_at_and_what_one_does_may_be_gone(table):
    assert (table / "_delta_log" / "_last_checkpoint").exists()
    for number in range(40):
        if number < 25:
            commit(table, number).unlink()
        else:
            sound = commit(table, number).read_bytes()
            commit(table, number).write_bytes((b"", b"3", b"[]")[number % 3])  # delta-rs asks the checkpoint instead
            with pytest.raises(ArtefactMismatch, match=f"{number:020}.json") as told:
                tables.open_table(str(table))
            assert "newest" not in str(told.value)
            commit(table, number).write_bytes(sound)
    assert tables.open_table(str(table)).count() == 88


def test_data_files_without_a_log_are_no_new_table(table, tmp_path):
    for path in (table / "_delta_log").iterdir():
        path.unlink()
    with pytest.raises(ArtefactMismatch, match="its log in _delta_log is gone"):
        tables.append(str(table), ROWS, "again")
    for name in ("absent", "begun"):
        assert tables.open_table(str(tmp_path / name)) is None
        (tmp_path / "begun" / "_delta_log").mkdir(parents=True, exist_ok=True)


def test_of_an_object_store_nothing_is_looked_at_here():
    refuse_lost_log("s3://bucket/p/events")
    refuse_holes("s3://bucket/p/events", 7)
