"""The program itself: errors become one line and a status, and nothing heavy is imported to say so."""

import gc
import os
import subprocess
import sys

import pytest

from config.settings import PROJECT
from deployments import cli
from tasks.adapters.processes import GARBAGE
from tasks.core.errors import ConfigInvalid


def keepfit(*arguments, home, **variables):
    """Run the program as a person would; returns the finished process."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KEEPFIT_", "PREFECT_", "MLFLOW_"))}
    return subprocess.run(
        [sys.executable, "-m", "deployments.cli", *arguments],
        cwd=PROJECT,
        env=clean | {"KEEPFIT_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "160"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_names_the_commands_of_the_stack(tmp_path):
    done = keepfit("--help", home=tmp_path)
    assert done.returncode == 0
    for command in ("up", "down", "status", "logs"):
        assert f" {command} " in done.stdout


def test_an_error_of_ours_is_one_line_without_traceback(tmp_path):
    done = keepfit("status", home=tmp_path, KEEPFIT_WORKER_LIMIT="none")
    assert done.returncode == 1
    assert done.stderr.startswith("error: KEEPFIT_WORKER_LIMIT=none is not allowed")
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_given_and_does_not_answer_is_named_without_its_password(tmp_path):
    given = {"PREFECT_API_URL": "http://ann:top%2Fsecret@127.0.0.1:9/api"}
    done = keepfit("verify", "subscriptions", home=tmp_path, **given)
    assert done.returncode == 1
    assert "Prefect does not answer at http://127.0.0.1:9/api/health" in done.stderr
    assert "top" not in done.stderr + done.stdout


def test_wrong_usage_has_status_two(tmp_path):
    assert keepfit("nonsense", home=tmp_path).returncode == 2
    assert keepfit("up", "--port-mlflow", "70000", home=tmp_path).returncode == 2


@pytest.mark.parametrize("command", [["schema"], ["board"], ["card", "subscriptions"]], ids=lambda c: c[0])
def test_a_file_that_cannot_be_written_is_named_before_anything_is_done(tmp_path, command):
    for place in (tmp_path / "nowhere" / "x", tmp_path):
        done = keepfit(*command, "-o", str(place), home=tmp_path / "home")
        assert done.returncode == 1
        told = f"error: --output {place} cannot be written; name a file in a folder that you may write to.\n"
        assert done.stderr == told
        assert not (tmp_path / "home").exists()


def test_without_a_stack_status_fails_down_succeeds_and_both_say_so(tmp_path):
    shown, ended = keepfit("status", home=tmp_path), keepfit("down", home=tmp_path)
    assert (shown.returncode, ended.returncode) == (1, 0)
    assert "keepfit up" in shown.stdout
    assert "Nothing was running" in ended.stdout


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [(ConfigInvalid("no such thing"), 1, "error: no such thing"), (KeyboardInterrupt(), 130, "interrupted")],
)
def test_what_a_command_raises_becomes_a_status(monkeypatch, capsys, raised, status, said):
    def command():
        raise raised

    monkeypatch.setattr(cli, "build_app", lambda: lambda **_: command())
    assert cli._run() == status
    assert capsys.readouterr().err.strip() == said


def test_the_unexpected_leaves_its_traceback_in_a_private_file(monkeypatch, capsys, tmp_path):
    def command():
        raise RuntimeError("boom")

    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cli, "build_app", lambda: lambda **_: command())
    assert cli._run() == 1
    (record,) = (tmp_path / "home" / "logs").glob("crash-*.log")
    assert str(record) in capsys.readouterr().err
    assert "RuntimeError: boom" in record.read_text()
    assert record.stat().st_mode & 0o077 == 0


def test_help_imports_no_vendor():
    code = (
        "import sys, deployments.cli as c; c.build_app();"
        "heavy = {'prefect', 'mlflow', 'evidently', 'great_expectations', 'pandas', 'sklearn'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_explain_tells_a_recorded_decision_and_names_what_it_cannot_find(tmp_path):
    from datetime import UTC, datetime

    from tasks.adapters.journal import Journal
    from tasks.adapters.store import Store
    from tasks.core.results import Decision, Verdict

    now = datetime(2025, 3, 1, tzinfo=UTC)
    told = Decision(
        "monitoring:1:x", "subscriptions", "monitoring", Verdict.FAIL, "suppressed", "cooldown: too soon", now
    )
    Journal(Store(str(tmp_path / "store"), "subscriptions")).record(told, now)
    found, missing = (keepfit("explain", "subscriptions", number, home=tmp_path) for number in ("monitoring:1", "7"))
    assert (found.returncode, missing.returncode) == (0, 1)
    assert "cooldown: too soon" in found.stdout
    assert "the chain is whole" in found.stdout
    assert missing.stderr.startswith("error: There is no decision '7' in this journal; it holds the numbers 1 to 1.")


def test_the_program_looks_for_garbage_as_rarely_as_a_flow(monkeypatch):
    ours = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    monkeypatch.setattr(cli, "_run", lambda: 0)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    try:
        with pytest.raises(SystemExit):
            cli.main()
        assert gc.get_threshold() == GARBAGE
    finally:
        gc.set_threshold(*ours)
