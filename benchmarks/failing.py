"""Vendors that fail: the n-th call of one of them raises what the vendor would raise, once or from then on for good.

Injected below the adapters, so that their turning of a vendor's errors into ours is tried, too.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from unittest import mock

from tasks.core.errors import ServerUnavailable

Mode = Literal["for good", "once", "answer lost"]
"""Down from the n-th call on; down for that call only; that call done, and only its answer lost."""

MODES: tuple[Mode, ...] = ("for good", "once", "answer lost")


@dataclass
class Injection:
    """Counts a vendor's calls and raises at the n-th one, and in an outage at all after it."""

    error: Callable[[Mode], Exception]
    at: int
    mode: Mode
    calls: int = 0
    where: str = ""

    @property
    def fired(self) -> bool:
        return self.calls >= self.at

    def wrap(self, real: Callable[..., Any], name: str, mine: Callable[..., bool] = lambda *_, **__: True) -> Any:
        """`real`, counted where `mine` says that the call is one of this vendor's."""

        def call(*given: Any, **named: Any) -> Any:
            if not mine(*given, **named):
                return real(*given, **named)
            self.calls += 1
            due = self.calls == self.at or (self.mode == "for good" and self.fired)
            if not due:
                return real(*given, **named)
            self.where = self.where or name
            if self.mode == "answer lost":
                real(*given, **named)
            raise self.error(self.mode)

        return call


@contextlib.contextmanager
def failing(vendor: str, at: int, mode: Mode) -> Iterator[Injection]:
    """The vendor fails inside the block."""
    error, replaced = VENDORS[vendor]
    injection = Injection(error, at, mode)
    with contextlib.ExitStack() as stack:
        for owner, name, instead in replaced(injection):
            stack.enter_context(mock.patch.object(owner, name, instead))
        yield injection


_Replaced = Iterator[tuple[Any, str, Any]]


def _mlflow(registry: bool) -> Callable[[Injection], _Replaced]:
    def replaced(injection: Injection) -> _Replaced:
        import mlflow
        from mlflow import MlflowClient

        for name, real in list(vars(MlflowClient).items()):
            of_registry = "registered_model" in name or "model_version" in name
            if callable(real) and not name.startswith("_") and of_registry == registry:
                yield MlflowClient, name, injection.wrap(real, name)
        if registry:
            real = mlflow.artifacts.download_artifacts
            yield mlflow.artifacts, "download_artifacts", injection.wrap(real, "download_artifacts")

    return replaced


def _of_journal(uri: Any) -> bool:
    return str(uri).rstrip("/").endswith("/decisions")


def _tables(journal: bool) -> Callable[[Injection], _Replaced]:
    """Delta Lake fails to open a table, to read its files, or to write to it; the journal is a table of its own."""

    def replaced(injection: Injection) -> _Replaced:
        import deltalake
        import pyarrow.dataset as ds

        opened = injection.wrap(lambda *_, **__: None, "open", lambda uri: _of_journal(uri) == journal)

        class Table(deltalake.DeltaTable):  # type: ignore[misc]
            def __init__(self, table_uri: Any, *given: Any, **named: Any) -> None:
                opened(table_uri)
                super().__init__(table_uri, *given, **named)

        class Dataset(ds.FileSystemDataset):  # type: ignore[misc]
            def to_table(self, *given: Any, **named: Any) -> Any:
                return injection.wrap(super().to_table, "read", lambda *_, **__: self.mine)(*given, **named)

            def to_batches(self, *given: Any, **named: Any) -> Any:
                return injection.wrap(super().to_batches, "scan", lambda *_, **__: self.mine)(*given, **named)

        real = ds.FileSystemDataset

        def dataset(fragments: Any, schema: Any, *given: Any, **named: Any) -> Any:
            if named:  # pandas reads a file of its own
                return real(fragments, schema, *given, **named)
            made = Dataset(fragments, schema, *given)
            made.mine = ("previous_hash" in schema.names) == journal  # only the journal's rows are chained
            return made

        def mine(table: Any, *_: Any, **__: Any) -> bool:
            return _of_journal(table.table_uri) == journal

        yield deltalake, "DeltaTable", Table
        yield deltalake, "write_deltalake", injection.wrap(deltalake.write_deltalake, "write", mine)
        yield ds, "FileSystemDataset", dataset

    return replaced


def _leases(injection: Injection) -> _Replaced:
    from sqlalchemy import Engine

    def mine(engine: Any) -> bool:
        return "mlflow" not in str(engine.url)

    yield Engine, "begin", injection.wrap(Engine.begin, "begin", mine)


def _prefect(injection: Injection) -> _Replaced:
    import prefect.client.orchestration
    import prefect.deployments

    import tasks.reporting

    real = prefect.client.orchestration.get_client

    class Client:
        def __init__(self, server: Any) -> None:
            self.server = server

        def __getattr__(self, name: str) -> Any:
            return injection.wrap(getattr(self.server, name), name)

    @contextlib.contextmanager
    def client(**named: Any) -> Iterator[Client]:
        with real(**named) as server:
            yield Client(server)

    yield prefect.client.orchestration, "get_client", client
    start = prefect.deployments.run_deployment
    yield prefect.deployments, "run_deployment", injection.wrap(start, "run_deployment")
    for name in ("create_markdown_artifact", "create_progress_artifact", "update_progress_artifact"):
        yield tasks.reporting, name, injection.wrap(getattr(tasks.reporting, name), name)


def _mlflow_error(_mode: Mode) -> Exception:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INTERNAL_ERROR

    error: Exception = MlflowException("injected", error_code=INTERNAL_ERROR)
    return error


def _table_error(mode: Mode) -> Exception:
    # A damaged local disk is no passing thing; what passes is an object store that does not answer.
    return OSError(5, "Input/output error") if mode == "for good" else ServerUnavailable("injected")


def _database_error(_mode: Mode) -> Exception:
    from sqlalchemy.exc import OperationalError

    return OperationalError("injected", {}, Exception("injected"))


def _server_error(_mode: Mode) -> Exception:
    import httpx

    return httpx.ConnectError("injected")


VENDORS: dict[str, tuple[Callable[[Mode], Exception], Callable[[Injection], _Replaced]]] = {
    "registry": (_mlflow_error, _mlflow(registry=True)),
    "tracking": (lambda _mode: ConnectionError("injected"), _mlflow(registry=False)),
    "store": (_table_error, _tables(journal=False)),
    "journal": (_table_error, _tables(journal=True)),
    "leases": (_database_error, _leases),
    "orchestrator": (_server_error, _prefect),
}
