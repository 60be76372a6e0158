"""Asks Prefect's API, over plain HTTP and with little patience, how many runs of a pipeline are planned and late.

Without Prefect's client: whoever watches from outside must not hang with what it watches.
"""

from datetime import datetime
from typing import Any

from tasks.core.errors import ServerUnavailable

_SECONDS = 5


def count_runs(api: str, pipeline: str, late_before: datetime) -> tuple[int, int]:
    """How many runs of the pipeline's deployments are scheduled, and how many of them should have begun by then.

    Raises ServerUnavailable.
    """
    import httpx

    planned: dict[str, Any] = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    late = planned | {"expected_start_time": {"before_": late_before.isoformat()}}
    found = []
    for wanted in (planned, late):
        body = {"deployments": {"name": {"any_": [pipeline]}}, "flow_runs": wanted}
        try:
            answer = httpx.post(f"{api.rstrip('/')}/flow_runs/count", json=body, timeout=_SECONDS, trust_env=False)
            found.append(int(answer.raise_for_status().json()))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
            raise ServerUnavailable(f"Prefect did not say what is planned ({type(error).__name__}).") from None
    return found[0], found[1]
