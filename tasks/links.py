"""Addresses of pages in the MLflow and Evidently UIs, for links on a run's page."""

import os
from urllib.parse import quote
from uuid import UUID

from tasks.core.addresses import without_credentials


def version_links(pipeline: str, version: int | None, mlflow_run: str | None) -> dict[str, str]:
    """The model version's and the run's pages in MLflow; empty where no server's address is known."""
    root = without_credentials(os.environ.get("MLFLOW_TRACKING_URI", ""))
    if not root.startswith("http"):
        return {}
    links = {}
    if version is not None:
        # Without this MLflow 3 opens in its view for language models, where a classifier has nothing to show.
        links["model version"] = f"{root}/#/models/{quote(pipeline)}/versions/{version}?workflowType=machine_learning"
    if mlflow_run:
        links["MLflow run"] = f"{root}/#/runs/{mlflow_run}"
    return links


def report_link(path: str) -> dict[str, str]:
    """The report's page in the Evidently UI."""
    root = without_credentials(os.environ.get("KEEPFIT_EVIDENTLY_URL", ""))
    return {"Evidently report": f"{root.rstrip('/')}{path}"} if root else {}


def run_link(run_id: str | None) -> dict[str, str]:
    """The page of a flow run in the Prefect UI; what was done by hand has none."""
    root = without_credentials(os.environ.get("PREFECT_API_URL", "")).rstrip("/")
    if not root.endswith("/api") or not _is_id(run_id):
        return {}
    return {"run": f"{root.removesuffix('/api')}/runs/flow-run/{run_id}"}


def _is_id(run_id: str | None) -> bool:
    try:
        return bool(run_id and UUID(run_id))
    except ValueError:
        return False
