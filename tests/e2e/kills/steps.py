"""What a forked process can be asked to do: run a flow, bring a pipeline into a state, tell the facts afterwards."""

import shutil
import time
from collections import Counter
from contextlib import closing
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from config.load import load_pipeline
from config.opening import open_pipeline
from config.settings import load_settings

VERIFY = "00000000-0000-0000-0000-000000000000"


def run_flow(flow: str, **parameters: Any) -> Any:
    """The real flow against the real servers, as `keepfit run` calls it."""
    found = getattr(import_module(f"flows.{flow}"), f"{flow}_flow")
    if "as_of" in parameters:
        parameters["as_of"] = datetime.fromisoformat(parameters["as_of"])
    return found(**parameters)


def deploy(pipelines: list[str]) -> None:
    """The training deployments of pipelines, as `keepfit deploy` registers them."""
    from deployments.register import register
    from deployments.render import deployments

    settings = load_settings()
    every = deployments(load_pipeline(name, settings) for name in pipelines)
    register(spec for spec in every if spec["entrypoint"] == "flows.training.training_flow")


def copy_state(source: str, store_copy: str, target: str, versions: int, champion: int | None) -> None:
    """Make `target` a pipeline in a state that `source` once had: its tables, and its first `versions` versions."""
    from tasks.adapters import registry

    shutil.copytree(store_copy, Path(load_settings().store) / target)
    for number in range(1, versions + 1):
        found = registry.client().get_model_version(source, str(number))
        made = registry.register(target, found.run_id, found.source.removeprefix("models:/"), found.tags)
        assert made.number == number
    if champion is not None:
        registry.move_alias(target, registry.CHAMPION, champion)


def facts(pipeline: str) -> dict[str, Any]:
    """Everything that the tests hold against what must be: invariants, journal, rows, aliases, runs."""
    from tasks.adapters import registry, tracking
    from tasks.verification import verify_invariants

    _, session = open_pipeline(pipeline, None, VERIFY)
    checks = verify_invariants.fn(session)
    batches = session.store.read("batches")
    return {
        "checks": [[check.name, str(check.verdict), check.reason] for check in checks],
        "journal": [[e.decision.kind, e.decision.outcome, e.decision.reason, dict(e.decision.evidence)]
                    for e in session.journal.entries()],
        "batches": batches[["name", "delivered", "accepted", "quarantined"]].to_dict("records") if len(batches) else [],
        "rows": {table: _repeats(session, table) for table in ("events", "labels")},
        "quarantined": len(session.store.read("quarantine")),
        "predictions": _scored(session),
        "staged": session.store.staged(),
        "aliases": registry.aliases(pipeline),
        "running": list(tracking.running_runs(pipeline)),
        "flow_runs": _flow_runs(pipeline),
    }  # fmt: skip


def _repeats(session: Any, table: str) -> dict[str, int]:
    ids = session.store.read(table, ["_row_id"])["_row_id"]
    return {"rows": len(ids), "ids": ids.nunique()}


def _scored(session: Any) -> dict[str, int]:
    found = session.store.read("predictions", ["_row_id", "model_version"])
    twice = int(found.duplicated().sum()) if len(found) else 0
    return {"rows": len(found), "twice": twice, "delivered": _delivered(session.pipeline)}


def _delivered(pipeline: str) -> int:
    """The rows of the pipeline's output, one for each id."""
    import sqlite3

    path = load_settings().home / "sources" / f"{pipeline}.db"
    with closing(sqlite3.connect(f"file:{path}?mode=rwc", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return int(database.execute("SELECT count(*) FROM scores").fetchone()[0]) if tables else 0


def _flow_runs(pipeline: str) -> dict[str, Any]:
    """States of the pipeline's flow runs by name of the flow, and the runs of its training deployment."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        pages = (client.read_flow_runs(limit=200, offset=200 * page) for page in range(10))
        mine = [run for page in pages for run in page if run.parameters.get("pipeline") == pipeline]
    states = Counter(f"{flows[run.flow_id]} {run.state_name}" for run in mine)
    triggered = [[str(run.id), run.state_name, run.idempotency_key] for run in mine if run.deployment_id]
    return {"states": dict(states), "triggered": triggered}


def expire(lease: str) -> None:
    """Let time pass for one lease."""
    import sqlite3

    with sqlite3.connect(load_settings().control_url.removeprefix("sqlite:///")) as connection:
        changed = connection.execute("UPDATE keepfit_leases SET expires_at = 1 WHERE name = ?", (lease,)).rowcount
    assert changed == 1


def await_trainings(pipeline: str) -> None:
    """Wait until the runs of the training deployment have ended."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    end = time.monotonic() + 1100
    mine = DeploymentFilter(name=DeploymentFilterName(any_=[pipeline]))
    with get_client(sync_client=True) as client:
        while True:
            runs = client.read_flow_runs(deployment_filter=mine)
            if all(run.state is not None and run.state.is_final() for run in runs):
                return
            assert time.monotonic() < end, [run.state_name for run in runs]
            time.sleep(0.5)
