"""Which task runner a pipeline's trials run on: its file says so; a Dask cluster needs no other change."""

from typing import Any

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from config.runners import Runner


def task_runner(runner: Runner) -> TaskRunner[Any]:
    """The runner for one training."""
    if runner.kind == "threads":
        return ThreadPoolTaskRunner(max_workers=runner.workers)
    if runner.kind == "processes":
        return ProcessPoolTaskRunner(max_workers=runner.workers)
    from prefect_dask import DaskTaskRunner

    # Without an address the cluster lives as long as the search.
    local = {"n_workers": runner.workers, "threads_per_worker": 1, "dashboard_address": None}
    found: TaskRunner[Any] = DaskTaskRunner(address=runner.address, cluster_kwargs=None if runner.address else local)
    return found
