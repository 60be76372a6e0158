"""A program that is missing fails CI's run, which installs it; at a person's desk it is a skip that says so."""

import pytest

from config.settings import PROJECT
from tests.e2e.needs import is_missing
from tests.real_data import VARIABLE, real_file

# Both are asked for, and then which it was: a skip that only `pytest.fail` waits for would skip the test itself.
ENDS = (pytest.fail.Exception, pytest.skip.Exception)


@pytest.mark.parametrize(("value", "ends"), [("true", pytest.fail.Exception), (None, pytest.skip.Exception)])
def test_what_is_missing_fails_in_ci_and_is_said_everywhere(monkeypatch, value, ends):
    monkeypatch.delenv("CI", raising=False)
    if value:
        monkeypatch.setenv("CI", value)
    told = "this test needs Chromium, and none is installed: apt-get install chromium"
    with pytest.raises(ENDS, match=told) as ended:
        is_missing("Chromium", "chromium")
    assert ended.type is ends


@pytest.mark.parametrize(("value", "ends"), [("true", pytest.fail.Exception), (None, pytest.skip.Exception)])
def test_real_data_that_are_not_there_fail_in_ci_and_a_folder_without_the_table_fails_everywhere(
    monkeypatch, tmp_path, value, ends
):
    monkeypatch.delenv("CI", raising=False)
    if value:
        monkeypatch.setenv("CI", value)
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ENDS, match=f"{VARIABLE} is not set: it names the folder that holds a/b.csv") as ended:
        real_file("a/b.csv")
    assert ended.type is ends
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(AssertionError, match=f"{VARIABLE} names a folder without a/b.csv"):
        real_file("a/b.csv")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.csv").write_text("x")
    assert real_file("a/b.csv") == tmp_path / "a" / "b.csv"


def test_cis_own_run_counts_as_ci():
    lines = (PROJECT / ".ci" / "run").read_text("utf-8").splitlines()
    said = next(number for number, line in enumerate(lines) if line.startswith("export CI="))
    assert said < lines.index("exec make test")
