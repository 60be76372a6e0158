"""Predictions as files: one for each batch and version, in a folder of this machine or at any fsspec address."""

import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.addresses import without_credentials
from tasks.core.errors import ConfigInvalid, ServerUnavailable

if TYPE_CHECKING:
    import pandas as pd


class Files(BaseModel):
    """A folder that gets `BATCH@VERSION.parquet` (or .csv) once a batch is scored, and never a half of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["files"] = "files"
    path: str = Field(min_length=1, description="A folder or an fsspec address; $VARIABLES are expanded.")
    format: Literal["parquet", "csv"] = "parquet"

    def deliver(self, rows: "pd.DataFrame", batch: str, version: int) -> None:
        """Write the rows under a hidden name, then rename. Raises ConfigInvalid and ServerUnavailable."""
        import fsspec

        address = os.path.expandvars(self.path)
        name = f"{batch}@{version}.{self.format}"
        try:
            system, folder = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise ConfigInvalid(
                f"scoring.outputs: {without_credentials(self.path)} has no installed driver ({type(error).__name__})."
            ) from None
        hidden = f"{folder}/.{name}.{uuid4().hex[:8]}"
        try:
            system.makedirs(folder, exist_ok=True)
            try:
                system.pipe_file(hidden, self._content(rows))
                self._rename(system, hidden, f"{folder}/{name}")
            finally:
                with suppress(OSError):
                    system.rm_file(hidden)
        except OSError as error:
            raise ServerUnavailable(
                f"Predictions could not be written to {without_credentials(self.path)} ({type(error).__name__}). "
                "Check the folder of scoring.outputs and its rights, then run again."
            ) from None

    def _content(self, rows: "pd.DataFrame") -> bytes:
        if self.format == "csv":
            return rows.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.%f%z").encode()
        held = io.BytesIO()
        rows.to_parquet(held, index=False)
        return held.getvalue()

    def _rename(self, system: Any, hidden: str, final: str) -> None:
        if "file" in ([system.protocol] if isinstance(system.protocol, str) else system.protocol):
            os.replace(hidden, final)  # noqa: PTH105 - of this machine: at once, over what stands there
        else:
            system.mv(hidden, final)
