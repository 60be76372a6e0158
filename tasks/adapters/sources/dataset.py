"""A data set by name, from scikit-learn itself or from OpenML: delivered once, as one batch."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tasks.adapters.sources import inbox as inboxes
from tasks.adapters.sources.files import Listing
from tasks.core.durations import Duration
from tasks.core.errors import ConfigInvalid, SourceUnavailable

if TYPE_CHECKING:
    import pandas as pd

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")


class Dataset(BaseModel):
    """A data set to try things with; its rows get times where it has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dataset"] = "dataset"
    fetches: ClassVar[bool] = True
    repeats: ClassVar[bool] = False
    name: str = Field(min_length=1, pattern=r"^[\w.()-]+$", description=f"{', '.join(BUNDLED)}; or OpenML's name.")
    version: int | None = Field(default=None, ge=1, description="The version of a data set of OpenML.")
    time: str = Field(default="at", min_length=1, description="The column of the event times: there, or made.")
    start: AwareDatetime | None = Field(default=None, description="The time of the first row, where times are made.")
    step: Duration = Field(default="1h", validate_default=True, description="How long after one row the next comes.")

    @model_validator(mode="after")
    def _bundled_or_versioned(self) -> Self:
        if self.version is None and self.name not in BUNDLED:
            raise ValueError(f"name {', '.join(BUNDLED)}, or give the version of a data set of OpenML")
        return self

    def deliver(self, as_of: datetime, inbox: Path, ingested: Collection[str]) -> None:
        """Write the data set into the inbox unless it was taken in.

        Raises SourceUnavailable when OpenML does not answer, ConfigInvalid when it does not know the data set or the
        column of times does not fit.
        """
        inboxes.clear(inbox, ingested)
        if self._file in ingested or self.listing(inbox).ready:
            return
        import pyarrow as pa

        rows = self._timed(self._bundled() if self.version is None else self._from_openml())
        inboxes.put_named(inbox, pa.Table.from_pandas(rows, preserve_index=False), self._file)

    def listing(self, inbox: Path) -> Listing:
        """The data set, until it was taken in."""
        path = inbox / self._file
        return Listing((path,) if path.is_file() and inboxes.is_whole(path) else (), ())

    def read(self, path: Path) -> "pd.DataFrame":
        """Every row with its own types, one index label per row from 0. Raises SourceUnavailable."""
        return inboxes.read(path)

    @property
    def _file(self) -> str:
        return f"dataset {self.name}{'' if self.version is None else f' version {self.version}'}.parquet"

    def _timed(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        import pandas as pd

        if (self.time in rows) == (self.start is not None):
            raise ConfigInvalid(
                f"The data set has a column {self.time!r}: leave out source.start, or name another source.time."
                if self.start
                else f"The data set has no column {self.time!r}. Correct source.time, or give source.start."
            )
        if self.start is not None:
            # A zone as a pipeline's file gives it is none that pandas takes beside UTC.
            start = pd.Timestamp(self.start.astimezone(UTC).replace(tzinfo=None))
            times = pd.date_range(start, periods=len(rows), freq=self.step).tz_localize("UTC")
            rows = rows.assign(**{self.time: times.as_unit("us")})
        return rows

    def _bundled(self) -> "pd.DataFrame":
        from sklearn import datasets

        rows: pd.DataFrame = getattr(datasets, f"load_{self.name}")(as_frame=True).frame
        return rows

    def _from_openml(self) -> "pd.DataFrame":
        from sklearn.datasets import fetch_openml
        from sklearn.datasets._openml import OpenMLError

        try:
            found: Any = fetch_openml(
                name=self.name, version=self.version, as_frame=True, parser="pandas", n_retries=1, delay=0.1
            )
        except OSError as error:
            raise SourceUnavailable(
                f"OpenML did not answer ({type(error).__name__}), and {self.name} is not kept on this machine. "
                f"Connect it to the net and run again, or name one that is always there: {', '.join(BUNDLED)}."
            ) from None
        except OpenMLError:
            raise ConfigInvalid(
                f"OpenML has no active data set {self.name} of version {self.version}. Correct source.name or version."
            ) from None
        rows: pd.DataFrame = found.frame
        return rows.astype(dict.fromkeys(rows.select_dtypes("category"), object))
