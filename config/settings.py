"""Settings of a machine, not of a pipeline: folders, addresses, and the environment that hardens every process.

Light imports only: this runs before Prefect is imported, because Prefect reads its environment once.
What a pipeline does belongs in `config/schema.py`; starting servers belongs in `deployments/stack`.
"""

import fcntl
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks.core.addresses import without_credentials
from tasks.core.errors import ConfigInvalid, ServerUnavailable
from tasks.core.records import read_object

PROJECT = Path(__file__).resolve().parents[1]
LOOPBACK = "127.0.0.1"
_VARIABLES = {"prefect": "PREFECT_API_URL", "mlflow": "MLFLOW_TRACKING_URI", "evidently": "KEEPFIT_EVIDENTLY_URL"}
_INHERITED = ("home", "pipelines_dir", "deployments_file", "store", "control_url", "worker_limit", "hung_seconds")

# These win over what the surrounding shell says: telemetry, code execution and result format are promises.
HARDENING: Mapping[str, str] = {
    "DO_NOT_TRACK": "true",  # MLflow ignores "1"
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # the default, pickle, runs code of whoever can write results
    "EVIDENTLY_TYPE_PREFIXES": "",  # which modules, besides its own, a stored report may name to be imported
    "PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # no address must mean an error, not a hidden server
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
}
# These are our choices where the shell has none.
PREFERENCES: Mapping[str, str] = {
    "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_CLIENT_MAX_RETRIES": "10",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
    "OMP_WAIT_POLICY": "PASSIVE",  # trials share the cores: threads that spin while they wait make each other slower
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # then our own retries and messages take over
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def _absolute(path: Path) -> Path:
    try:
        return Path(path.expanduser().absolute())
    except RuntimeError:
        raise ValueError(f"{path.parts[0]} is the home of nobody on this machine") from None


def _address_or_folder(store: str) -> str:
    return store if "://" in store else str(_absolute(Path(store)))


def _usable_home(path: Path) -> Path:
    if bad := sorted(set("?#%") & set(str(path))):
        raise ValueError(f"the path must not contain {' '.join(bad)} (it becomes part of database addresses)")
    return path


def _http(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise ValueError("an address starts with http:// or https://")
    return url


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
HttpAddress = Annotated[str | None, AfterValidator(_http)]


class Settings(BaseSettings):
    """Everything that a process needs to know about where it runs. Relative paths are taken from the working folder."""

    model_config = SettingsConfigDict(
        env_prefix="KEEPFIT_", env_ignore_empty=True, frozen=True, extra="forbid", populate_by_name=True
    )

    home: Annotated[AbsolutePath, AfterValidator(_usable_home)] = Field(Path(".keepfit"), validate_default=True)
    pipelines_dir: AbsolutePath = PROJECT / "config" / "pipelines"
    deployments_file: AbsolutePath = PROJECT / "deployments" / "prefect.yaml"
    store: Annotated[str, AfterValidator(_address_or_folder)] = ""
    control_url: str = ""
    privacy_keys: SecretStr = Field(SecretStr(""), description="ID:SECRET of pseudonyms; in the environment only")
    worker_limit: int = Field(4, ge=1, le=256, description="flow runs that the worker runs at the same time")
    hung_seconds: float = Field(90, ge=2, description="a part that is silent for so long is restarted")
    serve: bool = Field(False, description="`keepfit up` also starts `keepfit serve`")
    serving_token: SecretStr | None = Field(None, description="the server's bearer token; one is made without it")
    given_prefect: HttpAddress = Field(None, validation_alias="PREFECT_API_URL")
    given_mlflow: str | None = Field(None, validation_alias="MLFLOW_TRACKING_URI")
    given_evidently: HttpAddress = Field(None, validation_alias="KEEPFIT_EVIDENTLY_URL")
    embedded: str = Field("", description="set by us: which of the three addresses come from our own stack")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_home(cls, values: dict[str, Any]) -> dict[str, Any]:
        try:
            home = _absolute(Path(values.get("home") or ".keepfit"))
        except ValueError:
            return values  # the field tells of it
        filled = {"store": str(home / "store"), "control_url": f"sqlite:///{home / 'control.db'}"}
        return values | {name: str(values.get(name) or own) for name, own in filled.items()}

    def given(self, name: str) -> str | None:
        """The address of `prefect`, `mlflow` or `evidently` that a person set in the environment, else None."""
        value: str | None = getattr(self, f"given_{name}")
        return None if name in self.embedded.split(",") else value

    def prefect_api_url(self) -> str:
        """Address of the Prefect API. Raises ServerUnavailable when none is set and no stack runs (as do the next)."""
        return self._address("prefect")

    def mlflow_tracking_uri(self) -> str:
        """Address of the MLflow tracking server."""
        return self._address("mlflow")

    def evidently_url(self) -> str:
        """Address of the Evidently UI."""
        return self._address("evidently")

    def _address(self, name: str) -> str:
        # An address that our own stack left in the environment may be older than the stack that runs now.
        found = self.given(name) or stack_addresses(self.home).get(name) or getattr(self, f"given_{name}")
        if not found:
            raise ServerUnavailable(
                f"no {name} server: {_VARIABLES[name]} is not set and no stack runs in {self.home}; "
                f"run `keepfit up`, or set {_VARIABLES[name]}"
            )
        return str(found)

    def open_home(self) -> Self:
        """Create the home folder, readable by its owner only; returns self. Raises ConfigInvalid if it cannot be."""
        os.umask(0o077)
        try:
            if not self.home.is_dir() or not any(self.home.iterdir()):
                self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.home.chmod(0o700)
        except OSError as error:
            raise ConfigInvalid(
                f"KEEPFIT_HOME={self.home} cannot be used ({error.strerror}); name a folder that you may write to"
            ) from error
        return self


_SECRET = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}


def load_settings() -> Settings:
    """Read the settings from the environment, anew at each call. Raises ConfigInvalid naming the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0])
        variable = field if field.isupper() else f"KEEPFIT_{field.upper()}"
        value = "(hidden)" if field in _SECRET else without_credentials(str(first["input"]))
        raise ConfigInvalid(f"{variable}={value} is not allowed: {first['msg']}; correct it") from error


def is_locked(home: Path) -> bool:
    """Whether a supervisor holds this home. The kernel drops the lock with the process, so a crash cannot fake it."""
    try:
        with (home / "stack.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def stack_addresses(home: Path) -> dict[str, str]:
    """Addresses (`prefect` with /api, `mlflow`, `evidently`) that the running stack of this home serves, else {}."""
    if not is_locked(home):
        return {}
    try:
        addresses = read_object((home / "stack.json").read_bytes())["addresses"]
        return {str(name): str(address) for name, address in addresses.items()}
    except (OSError, ValueError, KeyError, AttributeError):
        return {}


def environment(settings: Settings, addresses: Mapping[str, str]) -> dict[str, str]:
    """The variables that every process of Keepfit needs, given the addresses that our own stack serves."""
    left = settings.embedded.split(",")
    own = [name for name in _VARIABLES if not settings.given(name) and (name in addresses or name in left)]
    known = {name: settings.given(name) or addresses.get(name) for name in _VARIABLES}
    result = {name: value for name, value in PREFERENCES.items() if name not in os.environ}
    result |= HARDENING
    result |= {_VARIABLES[name]: address for name, address in known.items() if address}
    result |= {f"KEEPFIT_{name.upper()}": str(getattr(settings, name)) for name in _INHERITED}
    result["KEEPFIT_EMBEDDED"] = ",".join(own)
    result["PREFECT_LOCAL_STORAGE_PATH"] = str(settings.home / "prefect" / "results")
    # A proxy of the surrounding network must not be asked for servers on this machine.
    for name in ("NO_PROXY", "no_proxy"):
        kept = [host for host in os.environ.get(name, "").split(",") if host]
        result[name] = ",".join(dict.fromkeys([*kept, LOOPBACK, "localhost"]))
    if "prefect" in own:
        result["PREFECT_HOME"] = str(settings.home / "prefect")
    return result


def apply_environment(settings: Settings) -> None:
    """Put `environment` into this process, before Prefect is imported."""
    os.umask(0o077)
    os.environ.update(environment(settings, stack_addresses(settings.home)))
    if context := sys.modules.get("prefect.context"):  # imported early after all: a test, a notebook
        context.refresh_global_settings_context()
