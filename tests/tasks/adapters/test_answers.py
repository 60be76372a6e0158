"""A disk that refuses one step of the log of answers: no file is left behind, no answer is lost, and it is told."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from tasks.adapters import answers
from tasks.core.errors import ServerUnavailable

STEPS = {"lock": (fcntl, "flock"), "rename": (Path, "rename"), "sync": (os, "fsync")}


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def torn(file, line, write=os.write):
    return write(file, line[:5]) if len(line) > 5 else full()


def refused(monkeypatch, call, instead, act, error=OSError):
    """The operating system refuses one of its calls while something is done."""
    with monkeypatch.context() as patched:
        patched.setattr(*call, instead)
        with pytest.raises(error, match="No space"):
            act()


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("step", STEPS)
def test_a_file_that_cannot_be_begun_leaves_nothing(tmp_path, monkeypatch, step):
    before = descriptors()
    refused(monkeypatch, STEPS[step], full, lambda: answers.AnswerLog(tmp_path, durable=False))
    assert files(tmp_path) == []
    assert descriptors() == before


@pytest.mark.parametrize("step", STEPS)
def test_a_log_that_cannot_be_turned_says_so_until_it_can_and_keeps_every_line(tmp_path, monkeypatch, step):
    log = answers.AnswerLog(tmp_path, durable=False)
    log.write(b"1")
    (only,) = files(tmp_path)
    before = descriptors()
    for _ in range(3):
        refused(monkeypatch, STEPS[step], full, log.turn)
        assert log.fault == "the log cannot be closed, so that no answer is taken up: No space left on device"
        assert files(tmp_path) == [only]
        log.flush()
        assert log.fault, "what was forced to the disk is not taken up for that"
    assert descriptors() == before
    log.write(b"2")
    log.turn()
    assert log.fault == ""
    with answers.taking(tmp_path) as (group,):
        assert answers.lines_of(group) == ([b"1", b"2"], 0)
    log.close()


def test_an_answer_that_cannot_be_written_is_told_until_one_can(tmp_path, monkeypatch):
    log = answers.AnswerLog(tmp_path, durable=False)
    refused(monkeypatch, (os, "write"), torn, lambda: log.write(b"12345678"), ServerUnavailable)
    assert log.fault == "answers cannot be written down: No space left on device"
    log.write(b"whole")
    assert log.fault == ""
    log.turn()
    with answers.taking(tmp_path) as (group,):
        assert answers.lines_of(group) == ([b"whole"], 0)
    log.close()
