"""What we deployed last, remembered on the Prefect server itself: one Prefect variable per pipeline.

A variable survives restarts, redeploys and edits of the deployment, and every machine that deploys sees it. It counts
only for the deployment (by id) it was written for: a deployment deleted and made anew starts without memory.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployments.merge import Slot

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse


class Memory:
    """The last deployed schedules of one pipeline, read at the start, written at each change."""

    def __init__(self, client: "SyncPrefectClient", pipeline: str) -> None:
        self._client = client
        self._name = f"keepfit_schedules_{pipeline}"
        variable = client.read_variable_by_name(self._name)
        content = variable.value if variable else None
        self._content: dict[str, Any] = dict(content) if isinstance(content, dict) else {}
        self._exists = variable is not None

    def slugs(self, deployment: "DeploymentResponse") -> set[str]:
        """Schedules of this deployment that we deployed."""
        return {slug for slug, entry in self._content.items() if entry["deployment"] == str(deployment.id)}

    def recall(self, deployment: "DeploymentResponse", slug: str) -> Slot | None:
        """What we deployed last under that slug; None when nothing is remembered."""
        entry = self._content.get(slug)
        if entry is None or entry["deployment"] != str(deployment.id):
            return None
        return Slot(entry["timing"], entry["active"])

    def remember(self, deployment: "DeploymentResponse", slots: Mapping[str, Slot | None]) -> None:
        """Write what was deployed; None forgets."""
        content = dict(self._content)
        for slug, slot in slots.items():
            content.pop(slug, None)
            if slot is not None:
                content[slug] = {"deployment": str(deployment.id), "timing": slot.timing, "active": slot.active}
        if content != self._content:
            self._write(content)

    def _write(self, content: dict[str, Any]) -> None:
        from prefect.client.schemas.actions import VariableCreate, VariableUpdate

        if self._exists:
            self._client.update_variable(VariableUpdate(name=self._name, value=content))
        else:
            self._client.create_variable(VariableCreate(name=self._name, value=content, tags=["keepfit"]))
        self._content, self._exists = content, True
