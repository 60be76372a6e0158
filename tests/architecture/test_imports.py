"""Vendors cost seconds to import and a worker starts Python anew for every run: nothing loads one in vain."""

import json
import subprocess
import sys

import pytest

from config.settings import PROJECT

VENDORS = (
    "great_expectations",
    "evidently",
    "mlflow",
    "sklearn",
    "skops",
    "optuna",
    "deltalake",
    "matplotlib",
    "dask",
    "scipy",
)
FLOWS = sorted(path.stem for path in (PROJECT / "flows").glob("*.py") if path.stem != "__init__")


def loaded_by(*modules):
    """Top-level packages that are in the interpreter after the modules, imported in a process of their own."""
    lines = "".join(f"import {module}\n" for module in modules)
    program = f"import json, sys\n{lines}print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=300
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["config.schema", "config.load", "config.settings", "deployments.cli"])
def test_configuration_and_commands_load_no_vendor(module):
    assert loaded_by(module) & {*VENDORS, "prefect", "pandas", "pyarrow"} == set()


def test_flows_load_prefect_and_no_other_vendor():
    assert {"training", "promotion", "scoring", "monitoring", "ingestion", "cycle", "reconciliation"} <= set(FLOWS)
    loaded = loaded_by(*(f"flows.{name}" for name in FLOWS))
    assert "prefect" in loaded
    assert loaded & {*VENDORS, "pandas", "pyarrow"} == set()


def test_a_vendor_that_is_loaded_is_seen():
    assert "scipy" in loaded_by("scipy.stats")


def test_flow_files_keep_the_types_of_their_parameters():
    # Prefect makes the form of a run from them; as texts or behind TYPE_CHECKING it would lose them.
    for name in FLOWS:
        text = (PROJECT / "flows" / f"{name}.py").read_text(encoding="utf-8")
        assert "from __future__ import annotations" not in text, name
        assert "TYPE_CHECKING" not in text, name


def test_every_test_folder_is_a_package_of_its_own():
    # Without it, `import tasks` may find tests/tasks.
    folders = {path.parent for path in (PROJECT / "tests").rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
