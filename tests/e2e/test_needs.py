"""A program that is missing fails CI's run, which installs it; at a person's desk it is a skip that says so."""

import pytest

from config.settings import PROJECT
from tests.e2e.needs import is_missing


@pytest.mark.parametrize(("value", "ends"), [("true", pytest.fail.Exception), (None, pytest.skip.Exception)])
def test_what_is_missing_fails_in_ci_and_is_said_everywhere(monkeypatch, value, ends):
    monkeypatch.delenv("CI", raising=False)
    if value:
        monkeypatch.setenv("CI", value)
    with pytest.raises(ends, match="this test needs Chromium, and none is installed: apt-get install chromium"):
        is_missing("Chromium", "chromium")


def test_cis_own_run_counts_as_ci():
    lines = (PROJECT / ".ci" / "run").read_text("utf-8").splitlines()
    said = next(number for number, line in enumerate(lines) if line.startswith("export CI="))
    assert said < lines.index("exec make test")
