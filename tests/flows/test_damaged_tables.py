"""Every command that reads a damaged table says which, what is wrong and what to do; nothing is decided on the rest.

The damages are those of disks, of other programs and of people: at the log, at what it names, at what names it.
"""

import json
import re
import shutil
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.ground import PIPELINE, SECOND
from deployments import cli, commands
from tasks.adapters import registry
from tasks.adapters.store import tables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CUT, EMPTY = 0.5, 0.0


def commits(table: Path) -> list[Path]:
    return sorted((table / "_delta_log").glob("*.json"))


def file_of(table: Path) -> Path:
    return min(table.glob("*.parquet"))


def cut(path: Path, share: float = CUT) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def with_broken_schema(table: Path) -> None:
    actions = [json.loads(line) for line in commits(table)[0].read_text("utf-8").splitlines()]
    for action in actions:
        if "metaData" in action:
            action["metaData"]["schemaString"] = "{"
    commits(table)[0].write_text("\n".join(map(json.dumps, actions)), "utf-8")


def with_cut_checkpoint(table: Path) -> None:
    tables.compact(str(table))
    cut(max((table / "_delta_log").glob("*.checkpoint.parquet")))


def with_other_types(table: Path) -> None:
    rows = pq.read_table(file_of(table))
    pq.write_table(pa.table({name: [[1]] * len(rows) for name in rows.column_names}), file_of(table))


def by_another_program(table: Path) -> None:
    asked = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
             "writerFeatures": ["deletionVectors"]}  # fmt: skip
    with commits(table)[-1].open("a", encoding="utf-8") as commit:
        commit.write("\n" + json.dumps({"protocol": asked}))


DAMAGES = {
    "the newest commit is cut": lambda table: cut(commits(table)[-1]),
    "the newest commit is empty": lambda table: cut(commits(table)[-1], EMPTY),
    "the newest commit is noise": lambda table: commits(table)[-1].write_bytes(b"\x00\xff\xfe{{{"),
    "the newest commit is somebody else's": lambda table: commits(table)[-1].write_text('{"hello": "world"}'),
    "the newest commit is a list": lambda table: commits(table)[-1].write_text("[1, 2]"),
    "an older commit is empty": lambda table: cut(commits(table)[1], EMPTY),
    "the newest commit says nonsense": lambda table: commits(table)[-1].write_text('{"add": {"path": 5}}'),
    "the first commit is gone": lambda table: commits(table)[0].unlink(),
    "the schema cannot be read": with_broken_schema,
    "the log is gone": lambda table: shutil.rmtree(table / "_delta_log"),
    "the log is empty": lambda table: [one.unlink() for one in (table / "_delta_log").iterdir()],
    "a data file is gone": lambda table: file_of(table).unlink(),
    "a data file is cut": lambda table: cut(file_of(table)),
    "a data file is of another table": lambda table: pq.write_table(pa.table({"other": [1]}), file_of(table)),
    "a data file holds other types": with_other_types,
    "the checkpoint points nowhere": lambda table: (table / "_delta_log" / "_last_checkpoint").write_text(
        '{"version": 999, "size": 3}'
    ),
    "the checkpoint is cut": with_cut_checkpoint,
    "another program rewrote it": by_another_program,
    "a file lies in its place": lambda table: (shutil.rmtree(table), table.write_text("x")),
}
AT = ["--as-of", SECOND.isoformat()]
RUNS = {f"run {flow}": ["run", flow, PIPELINE, *AT] for flow in ("scoring", "monitoring", "training", "cycle")}
RUNS |= {
    "run reconciliation": ["run", "reconciliation", PIPELINE],
    "run promotion": ["run", "promotion", PIPELINE, *AT, "--version", "2"],
}
COMMANDS = {
    "verify": ["verify", PIPELINE], "decisions": ["decisions", PIPELINE], "explain": ["explain", PIPELINE, "1"],
    "timeline": ["timeline", PIPELINE], "lineage": ["lineage", PIPELINE, "r5"], "card": ["card", PIPELINE],
    "reproduce": ["reproduce", PIPELINE, "1"], "alerts": ["alerts", PIPELINE], "heartbeat": ["heartbeat", PIPELINE],
    "proposals": ["proposals", PIPELINE], "staleness": ["staleness", PIPELINE, *AT], "board": ["board"],
    "rollback": ["rollback", PIPELINE, "--why", "a test"], **RUNS,
}  # fmt: skip
OF_EVENTS = ["verify", "lineage", "staleness", *RUNS]
OF_BATCHES = ["verify", "lineage", *(name for name in RUNS if name != "run monitoring")]
OF_A_LOG = ["the newest commit is empty", "the newest commit is noise", "the log is gone", "a file lies in its place"]
OF_FILES = ["a data file is gone", "a data file is of another table", "a data file holds other types"]
CASES = [
    *(("decisions", list(COMMANDS), damage) for damage in DAMAGES),
    *(("events", OF_EVENTS, damage) for damage in (*OF_A_LOG, *OF_FILES)),
    *(("batches", OF_BATCHES, damage) for damage in (OF_A_LOG[0], OF_FILES[0], OF_FILES[2])),
]


@pytest.fixture
def ground(whole):
    """The home of a pipeline in which a breach was answered; the commands ask for no server."""
    rooms = [import_module(f"deployments.commands.{one.name}") for one in iter_modules(commands.__path__)]
    with whole.inside(), ExitStack() as patched:
        for room in (one for one in rooms if hasattr(one, "connect")):
            patched.enter_context(mock.patch.object(room, "connect"))
        whole.restore("breached")
        for folder in ("in", "labels"):
            (whole.home / folder).mkdir()
        yield whole


@pytest.fixture
def ask(ground, capsys, monkeypatch):
    """Runs the program in this process; gives its exit status, and all that it printed without what wraps it."""

    def run(*given):
        monkeypatch.setattr(sys, "argv", ["keepfit", *given])
        with ground.run():
            status = cli._run()
        said = capsys.readouterr()
        return status, re.sub(r"[\s│┃]+", "", said.out + said.err)

    return run


def test_without_damage_every_command_succeeds_but_the_one_that_has_nowhere_to_go_back_to(ground, ask):
    failed = {name: said for name, given in COMMANDS.items() if (answer := ask(*given))[0] and (said := answer[1])}
    assert list(failed) == ["rollback"], failed


@pytest.mark.parametrize(("table", "readers", "damage"), CASES, ids=[f"{one[0]}: {one[2]}" for one in CASES])
def test_whoever_reads_a_damaged_table_says_so_and_moves_nothing(ground, ask, table, readers, damage):
    folder = ground.session(SECOND).store.folder / table
    DAMAGES[damage](folder)
    before, versions = registry.aliases(PIPELINE), len(registry.every_version(PIPELINE))
    for name in readers:
        status, said = ask(*COMMANDS[name])
        assert status == 1, (name, said[-300:])
        assert "unexpected" not in said, (name, said[-300:])
        assert "Traceback" not in said, (name, said[-300:])
        if name == "board":
            assert f"{PIPELINE}:ArtefactMismatch:see`keepfitverify{PIPELINE}`" in said
            continue
        assert f"store/{PIPELINE}/{table}" in said, (name, said[-300:])
        assert "backup" in said, (name, said[-300:])
    assert registry.aliases(PIPELINE) == before
    assert len(registry.every_version(PIPELINE)) == versions, "nothing is trained that nobody could judge"
    assert not list((ground.home / "logs").glob("crash-*"))


@pytest.mark.parametrize(
    ("table", "missing"), [("events", "werepublished"), ("batches", "wasneverpublished"), ("decisions", "")]
)
def test_without_a_backup_an_empty_newest_commit_is_moved_away_and_what_is_missing_is_told(
    ground, ask, tmp_path, table, missing
):
    newest = commits(ground.session(SECOND).store.folder / table)[-1]
    cut(newest, EMPTY)
    status, said = ask(*COMMANDS["verify"])
    assert status == 1
    assert "movethatfileaway" in said
    newest.rename(tmp_path / newest.name)
    ask(*COMMANDS["run reconciliation"])  # what was decided last and never sent is decided and sent again
    status, said = ask(*COMMANDS["verify"])
    assert status == bool(missing), said
    assert missing in said
