"""The installed versions are those that were measured to work together, and the lock names all, without addresses."""

import re
import shutil
import sys
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from config.settings import HARDENING, PROJECT
from tests.e2e.needs import is_missing

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
SPARK_LOCK = (PROJECT / "requirements-spark.lock").read_text(encoding="utf-8")
DECLARED = [
    Requirement(text)
    for text in [
        *PYPROJECT["project"]["dependencies"],
        *(text for extra in PYPROJECT["project"]["optional-dependencies"].values() for text in extra),
    ]
]
PINS = {
    "prefect": "3.8.8", "mlflow": "3.17.2", "great-expectations": "1.24.1", "evidently": "0.7.23",
    "scikit-learn": "1.9.1", "prefect-dask": "0.3.7", "deltalake": "1.6.6",
}  # fmt: skip
# Name -> (versions that were seen to work, versions that were seen to break it in silence).
BOUNDS = {
    "fastapi": (["0.139.0", "0.145.9"], ["0.138.9", "0.146.0", "0.154.0"]),
    "sqlalchemy": (["2.0.40"], ["2.1.0", "2.1.9"]),
    "pandas": (["2.3.3"], ["3.1.0", "3.1.1"]),
}
HARDENED = {
    "DO_NOT_TRACK": "true",  # MLflow ignores "1"
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}
# The tools that put packages in place come from outside of the lock.
INSTALLERS = {"keepfit", "pip", "setuptools", "wheel", "uv"}


def locked():
    found = {}
    for line in (LOCK + SPARK_LOCK).splitlines():
        if re.match(r"[a-zA-Z0-9]", line):
            requirement = Requirement(line.rstrip(" \\"))
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            if requirement.marker is None or requirement.marker.evaluate():
                found[canonicalize_name(requirement.name)] = Version(specifier.version)
    return found


def declared(name):
    return next(one for one in DECLARED if canonicalize_name(one.name) == name)


@pytest.mark.parametrize("requirement", [one for one in DECLARED if one.name != "keepfit"], ids=lambda one: one.name)
def test_what_is_installed_satisfies_what_is_declared(requirement):
    if requirement.name == "pyspark" and shutil.which("java") is None:
        is_missing("Java", "default-jre-headless")
    assert requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)


@pytest.mark.parametrize(("name", "version"), PINS.items())
def test_the_versions_that_were_measured_are_pinned(name, version):
    assert str(declared(name).specifier) == f"=={version}"
    assert metadata.version(name) == version


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_let_in_what_works_and_keep_out_what_breaks_in_silence(name):
    works, breaks = BOUNDS[name]
    assert all(declared(name).specifier.contains(version) for version in works)
    assert not any(declared(name).specifier.contains(version) for version in breaks)
    assert declared(name).specifier.contains(metadata.version(name))


def test_each_unusual_bound_says_why_it_is_there_and_when_it_may_go():
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    for name in BOUNDS:
        (comment,) = re.findall(rf'((?:^  #.*\n)+)  "{name}[<>=]', text, re.MULTILINE)
        assert "Reason:" in comment
        assert "Exit:" in comment


def test_only_the_pythons_that_were_measured_are_let_in():
    assert PYPROJECT["project"]["requires-python"] == ">=3.11,<3.13"
    assert (3, 11) <= sys.version_info[:2] < (3, 13)


def test_every_line_of_the_lock_has_hashes_and_none_has_an_address():
    for lock, least in ((LOCK, 100), (SPARK_LOCK, 2)):
        entries = re.split(r"\n(?=[a-zA-Z0-9])", lock)
        assert len(entries) > least
        for entry in entries[1:]:
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:60]
        assert not re.search(r"https?:|file:|--(extra-)?index|--find-links|@ |://", lock)


def test_the_lock_holds_every_declared_and_every_installed_version():
    versions = locked()
    assert [one.name for one in DECLARED if canonicalize_name(one.name) not in {*versions, "keepfit"}] == []
    installed = {canonicalize_name(one.metadata["Name"]): Version(one.version) for one in metadata.distributions()}
    differing = {
        name: (str(version), str(versions.get(name)))
        for name, version in installed.items()
        if name not in INSTALLERS and versions.get(name) != version
    }
    assert differing == {}


@pytest.mark.parametrize(("variable", "value"), HARDENED.items())
def test_the_switches_that_keep_everything_at_home_are_set(variable, value):
    assert HARDENING[variable] == value
