"""What a flow's run works in: its process, its pipeline and session, and the task runner that the pipeline names."""

import logging
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from config.alerts import Alerts
from config.board import write_board
from config.opening import open_pipeline
from config.runners import Runner
from config.schema import PipelineConfig
from config.settings import load_settings
from flows.naming import flow_name, is_step, run_id
from tasks.adapters.processes import collect_garbage_rarely
from tasks.session import Session
from tasks.telling import tell_incidents

_log = logging.getLogger("tasks.board")  # below "tasks", whose lines stand on the run's page
_SHOWN = {"cycle", "reconciliation"}  # after these the board is written anew


def begin_run(pipeline: str, as_of: datetime | None = None) -> tuple[PipelineConfig, Session]:
    """The pipeline's configuration and the session of this flow run, in a process that will import vendors.

    Raises NotFound and ConfigInvalid as `open_pipeline` does.
    """
    collect_garbage_rarely()
    config, session = open_pipeline(pipeline, as_of, run_id())
    # A step of another flow leaves it to that flow's end.
    return config, session if is_step() else replace(session, at_end=partial(_end_run, config.alerts))


def begin_by_hand(pipeline: str) -> Session:
    """The session of something that a person does without a run of Prefect's; raises as `begin_run` does."""
    collect_garbage_rarely()
    config, session = open_pipeline(pipeline, None, f"by-hand-{uuid4().hex[:12]}")
    return replace(session, at_end=partial(_end_run, config.alerts), by_hand=True)


def _end_run(alerts: Alerts, session: Session) -> None:
    """What follows the end of a run, whatever it did: people are told what they were not told yet."""
    tell_incidents(session, alerts, alerts.notify)
    if flow_name() in _SHOWN:
        try:
            write_board(load_settings(), session.as_of)
        except Exception as error:  # noqa: BLE001 - a page for people: its failure ends no run in an error
            _log.error("the board could not be written (%s)", type(error).__name__)


def task_runner(runner: Runner) -> TaskRunner[Any]:
    """The runner for one run: the pipeline's file says so; a Dask cluster needs no other change."""
    if runner.kind == "threads":
        return ThreadPoolTaskRunner(max_workers=runner.workers)
    if runner.kind == "processes":
        return ProcessPoolTaskRunner(max_workers=runner.workers)
    from prefect_dask import DaskTaskRunner

    # Without an address the cluster lives as long as the run. With a limit it would write rows to a folder of its own.
    local = {"n_workers": runner.workers, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": 0}
    found: TaskRunner[Any] = DaskTaskRunner(address=runner.address, cluster_kwargs=None if runner.address else local)
    return found
