"""Settings: what the environment says wins, a living stack comes next, and nothing is made up."""

import fcntl
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import HARDENING, PROJECT, Settings, apply_environment, environment, load_settings, stack_addresses
from tasks.core.errors import ConfigInvalid, ServerUnavailable

SERVED = {"prefect": "http://127.0.0.1:1/api", "mlflow": "http://127.0.0.1:2", "evidently": "http://127.0.0.1:3"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("KEEPFIT_", "PREFECT_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def living_stack(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "stack.json").write_text(json.dumps({"addresses": SERVED}))
    with (home / "stack.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield home


def test_defaults_are_below_the_home_and_the_project(tmp_path, monkeypatch):
    monkeypatch.delenv("KEEPFIT_HOME")
    settings = load_settings()
    assert settings.home == tmp_path / ".keepfit"
    assert settings.store == str(tmp_path / ".keepfit" / "store")
    assert settings.control_url == f"sqlite:///{tmp_path}/.keepfit/control.db"
    assert settings.pipelines_dir == PROJECT / "config" / "pipelines"
    assert not settings.home.exists()


def test_relative_paths_become_absolute_and_urls_stay(monkeypatch, tmp_path):
    monkeypatch.setenv("KEEPFIT_PIPELINES_DIR", "mine")
    monkeypatch.setenv("KEEPFIT_STORE", "s3://bucket/keepfit")
    settings = load_settings()
    assert settings.pipelines_dir == tmp_path / "mine"
    assert settings.store == "s3://bucket/keepfit"


def test_settings_are_read_anew_each_time(monkeypatch):
    assert load_settings().worker_limit == 4
    monkeypatch.setenv("KEEPFIT_WORKER_LIMIT", "2")
    assert load_settings().worker_limit == 2


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KEEPFIT_WORKER_LIMIT", "many", "many"),
        ("KEEPFIT_WORKER_LIMIT", "0", "greater than or equal to 1"),
        ("PREFECT_API_URL", "localhost:4200", "http://"),
        ("KEEPFIT_HOME", "odd?name", "must not contain ?"),
        ("KEEPFIT_HOME", "~nobody-here/x", "~nobody-here is the home of nobody"),
        ("KEEPFIT_STORE", "~nobody-here/x", "~nobody-here is the home of nobody"),
        ("KEEPFIT_DEPLOYMENTS_FILE", "~nobody-here/x", "~nobody-here is the home of nobody"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigInvalid) as caught:
        load_settings()
    assert variable in str(caught.value)
    assert said in str(caught.value)


def test_a_password_in_a_refused_address_is_not_shown(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "ana:hunter2/h@2@server/api")
    with pytest.raises(ConfigInvalid) as caught:
        load_settings()
    assert "PREFECT_API_URL=server/api is" in str(caught.value)


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith(("keys", "token"))])
def test_a_refused_secret_is_not_shown(monkeypatch, name):
    monkeypatch.setattr("config.settings.Settings", lambda: Settings(**{name: ["hunter2"]}))
    with pytest.raises(ConfigInvalid, match=f"KEEPFIT_{name.upper()}=.hidden") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_no_server_names_the_variable_and_the_next_command(monkeypatch):
    for ask, variable in (("prefect_api_url", "PREFECT_API_URL"), ("mlflow_tracking_uri", "MLFLOW_TRACKING_URI")):
        with pytest.raises(ServerUnavailable, match=f"keepfit up.*{variable}"):
            getattr(load_settings(), ask)()


def test_a_living_stack_is_found(living_stack):
    settings = load_settings()
    assert settings.prefect_api_url() == SERVED["prefect"]
    assert settings.mlflow_tracking_uri() == SERVED["mlflow"]
    assert settings.evidently_url() == SERVED["evidently"]


def test_a_dead_stack_is_not_taken_for_a_living_one(living_stack):
    with (living_stack / "stack.lock").open("a"):
        assert stack_addresses(living_stack) == SERVED
    (living_stack / "stack.lock").unlink()
    assert stack_addresses(living_stack) == {}


def test_the_environment_wins_over_a_living_stack(living_stack, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    settings = load_settings()
    assert settings.prefect_api_url() == "http://elsewhere/api"
    assert settings.mlflow_tracking_uri() == SERVED["mlflow"]
    applied = environment(settings, stack_addresses(living_stack))
    assert applied["PREFECT_API_URL"] == "http://elsewhere/api"
    assert applied["KEEPFIT_EMBEDDED"] == "mlflow,evidently"
    assert "PREFECT_HOME" not in applied


def test_what_our_own_stack_left_in_the_environment_is_not_taken_for_a_persons_choice(living_stack, monkeypatch):
    for name, value in environment(load_settings(), {"prefect": "http://127.0.0.1:9/api"}).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.given("prefect") is None
    assert settings.prefect_api_url() == SERVED["prefect"]
    (living_stack / "stack.lock").unlink()
    assert settings.prefect_api_url() == "http://127.0.0.1:9/api"
    assert environment(settings, {})["KEEPFIT_EMBEDDED"] == "prefect"


def test_hardening_wins_over_the_shell(monkeypatch):
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "7")
    for name in environment(load_settings(), {}):
        monkeypatch.setenv(name, os.environ.get(name, "unset"))  # so that monkeypatch puts everything back
        if os.environ[name] == "unset":
            monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "7")
    apply_environment(load_settings())
    assert {name: os.environ[name] for name in HARDENING} == dict(HARDENING)
    assert os.environ["PREFECT_WORKER_QUERY_SECONDS"] == "7"


def test_servers_on_this_machine_are_never_asked_through_a_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "intranet")
    assert environment(load_settings(), {})["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_the_home_is_private(tmp_path):
    settings = load_settings().open_home()
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


def test_a_home_that_is_a_file_is_refused(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigInvalid, match="KEEPFIT_HOME"):
        load_settings().open_home()


def test_importing_settings_imports_no_vendor():
    code = "import sys, config.settings; print(sorted({'prefect', 'mlflow', 'pandas', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(PROJECT), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
