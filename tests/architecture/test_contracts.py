"""The rules on who may import whom hold, the tool that checks them sees a breach, and the core reads no clock."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib

import pytest

from config.settings import PROJECT

ROOMS = ("flows", "tasks", "config", "deployments")
CORE = sorted((PROJECT / "tasks" / "core").rglob("*.py"))


def lint(folder):
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", program, "--no-cache", "--config", str(folder / "pyproject.toml")]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_every_contract_is_kept():
    done = lint(PROJECT)
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(declared)} kept, 0 broken." in done.stdout
    assert {"layers", "forbidden"} <= {contract["type"] for contract in declared}


def test_a_breach_is_seen(tmp_path):
    for room in ROOMS:
        shutil.copytree(PROJECT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    breaches = {
        "tasks/core/choosing.py": "def f():\n    import mlflow\n",
        "tasks/core/splits.py": "def f():\n    from tasks.adapters import sources\n",
        "config/schema.py": "def f():\n    from flows import naming\n",
        "tasks/adapters/store/raw.py": "def f():\n    import prefect\n",
    }
    for name, breach in breaches.items():
        path = tmp_path / name
        path.write_text(path.read_text() + "\n\n" + breach)
    done = lint(tmp_path)
    assert done.returncode == 1
    for told in (
        "tasks.core.choosing -> mlflow", "tasks.core.splits -> tasks.adapters.sources", "config.schema -> flows.naming",
        "tasks.adapters.store.raw -> prefect",
    ):  # fmt: skip
        assert told in done.stdout


IMPURE_NAMES = {"open", "print", "input", "exec", "eval"}
IMPURE_METHODS = {"now", "utcnow", "today", "getenv", "read_text", "write_text", "read_bytes", "write_bytes",
                  "read_csv", "read_parquet", "to_parquet", "expanduser", "expandvars"}  # fmt: skip


def impure(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in (IMPURE_NAMES if isinstance(node.func, ast.Name) else IMPURE_METHODS):
                yield node.lineno, name


@pytest.mark.parametrize("path", CORE, ids=[str(path.relative_to(PROJECT)) for path in CORE])
def test_the_core_reads_no_clock_no_file_and_no_environment(path):
    assert list(impure(path.read_text(encoding="utf-8"))) == []


def test_what_would_be_impure_is_seen():
    seen = [
        name for _, name in impure("datetime.now(UTC)\npd.Timestamp.now()\nopen('x')\nPath('x').read_text()\nnow()\n")
    ]
    assert seen == ["now", "now", "open", "read_text"]
