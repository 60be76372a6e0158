"""`make test` runs both halves of the tests, shows what both say, and fails where either does."""

import os
import re
import subprocess
import sys

import pytest

from config.settings import PROJECT

HALVES = """
import pytest
@pytest.mark.e2e
def test_servers():
    assert {servers}, "the servers' half is broken"
def test_rest():
    assert {rest}, "the other half is broken"
"""


# Of the plugins that are installed these two are named in the options; the others take seconds to load.
FEW = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist -p pytest_timeout"}


@pytest.mark.parametrize("servers", [True, False])
@pytest.mark.parametrize("rest", [True, False])
def test_a_half_that_fails_is_shown_and_fails_the_whole(tmp_path, servers, rest):
    (tmp_path / "test_halves.py").write_text(HALVES.format(servers=servers, rest=rest))
    command = [sys.executable, "-m", "tests.both", "-c", str(PROJECT / "pyproject.toml"), "-v", str(tmp_path)]
    ran = subprocess.run(
        command, cwd=PROJECT, env=os.environ | FEW, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode == 0) == (servers and rest), ran.stdout + ran.stderr
    assert f"test_servers {'PASSED' if servers else 'FAILED'}" in ran.stdout
    assert re.search(rf"{'PASSED' if rest else 'FAILED'} \S+test_rest", ran.stdout), "dealt out to a process"
    assert ("the servers' half is broken" in ran.stdout, "the other half is broken" in ran.stdout) == (
        not servers, not rest,
    )  # fmt: skip
