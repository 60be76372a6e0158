"""Where deliveries come from: one kind each. A source lists what lies there and reads it as text; it judges nothing.

Files that are still being written are left alone until they have settled.
"""

import codecs
import csv
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.core.durations import Duration
from tasks.core.errors import DataRejected, SourceUnavailable

if TYPE_CHECKING:
    import pandas as pd

UNFINISHED = (".part", ".tmp", ".crdownload", ".partial")
Format = Literal["csv", "parquet"]


@dataclass(frozen=True)
class Listing:
    """The settled files of a source, oldest name first, and the names of those that are still being written."""

    ready: tuple[Path, ...]
    unsettled: tuple[str, ...]


class _Files(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(
        min_length=1,
        description="The folder; ~ and $VARIABLES are expanded, relative paths count from where Keepfit runs.",
    )
    pattern: str = Field(default="*.csv", description="Which files in it, as a glob.")
    format: Format | None = Field(default=None, description="Read from the file's ending where it is not given.")
    separator: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8-sig"
    settle: Duration = Field(
        default="2s", validate_default=True, description="Leave a file alone until it is this old."
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            codecs.lookup(name)
        except LookupError as error:
            raise ValueError("use the name of a text encoding, for example utf-8-sig or cp1252") from error
        return name

    @property
    def folder(self) -> Path:
        """The folder on this machine; the configuration itself keeps the path as written."""
        return Path(os.path.expandvars(self.path)).expanduser()

    def deliver(self, as_of: datetime) -> None:
        """Make due deliveries appear; ordinary folders are filled by somebody else."""

    def listing(self) -> Listing:
        """What lies in the folder now.

        Raises:
            SourceUnavailable: the folder does not exist or cannot be listed.
        """
        if not self.folder.is_dir():
            raise SourceUnavailable(
                f"The source folder {self.folder} does not exist. "
                "Create it, or change source.path in the pipeline's file."
            )
        try:
            with os.scandir(self.folder):  # what cannot be listed looks empty to a glob
                found = sorted(f for f in self.folder.glob(self.pattern) if not f.name.endswith(UNFINISHED))
            ages = {f: time.time() - f.stat().st_mtime for f in found if f.is_file()}
        except OSError as error:
            raise SourceUnavailable(
                f"The source folder {self.folder} cannot be listed ({error.strerror}). Check its permissions."
            ) from None
        settled = tuple(f for f, age in ages.items() if age >= self.settle.total_seconds())
        return Listing(settled, tuple(f.name for f in ages if f not in settled))

    def read(self, path: Path) -> "pd.DataFrame":
        """Every row of a file, one index label per delivered row from 0; CSV fields stay text, those not there are NaN.

        Raises:
            DataRejected: not readable as the declared format, no header, a name twice, or rows of too many fields.
            SourceUnavailable: the file is not there any more or may not be opened.
        """
        kind = self.format or ("parquet" if path.suffix in {".parquet", ".pq"} else "csv")
        try:
            return _read_parquet(path) if kind == "parquet" else self._read_csv(path)
        except DataRejected:
            raise
        except (FileNotFoundError, PermissionError) as error:
            raise SourceUnavailable(f"The file {path.name} cannot be opened ({error.strerror}). Run again.") from None
        except Exception as error:  # noqa: BLE001 - whatever the reader says, the answer is: this file is not readable
            raise DataRejected(
                f"The file is not readable as {kind}: {self._why(error)}. "
                "Check source.format, source.separator and source.encoding, or have it delivered again."
            ) from None

    def _why(self, error: Exception) -> str:
        # In our own words: what readers say quotes cells.
        if isinstance(error, UnicodeError):
            return f"its bytes are not {self.encoding} text"
        if isinstance(error, csv.Error):
            return "its quotes do not balance, or a field is longer than any that can be meant"
        return "it is damaged or of another format"

    def _read_csv(self, path: Path) -> "pd.DataFrame":
        import pandas as pd

        counted, header, short = self._count(path)
        frame = pd.read_csv(
            path,
            dtype=str,
            keep_default_na=False,
            na_values=[],
            index_col=False,
            sep=self.separator,
            encoding=self.encoding,
            on_bad_lines="error",
            header=0,
            names=header,
        )
        if len(frame) != counted:
            raise DataRejected(
                f"The file holds {counted} records by one count and {len(frame)} by another: it is cut off, "
                "has blank lines or unbalanced quotes. Have it delivered again."
            )
        for row, fields in short.items():  # pandas fills short rows up, as if empty fields had been delivered
            frame.iloc[row, fields:] = float("nan")
        return frame

    def _count(self, path: Path) -> tuple[int, list[str], dict[int, int]]:
        with path.open(encoding=self.encoding, newline="") as stream:
            records: Iterator[list[str]] = csv.reader(stream, delimiter=self.separator, strict=True)
            header = next(records, [])
            _refuse_bad_header(header)
            counted, short = 0, {}
            for record in records:
                counted += bool(record)
                if any("\0" in field for field in record):
                    raise DataRejected(
                        f"Record {counted} holds a NUL byte: the file is damaged. Have it delivered again."
                    )
                if len(record) > len(header):
                    raise DataRejected(
                        f"Record {counted} has {len(record)} fields and the header has {len(header)}. "
                        "Check source.separator, or have the file delivered again."
                    )
                if record and len(record) < len(header):
                    short[counted - 1] = len(record)
        return counted, header, short


def _refuse_bad_header(header: list[str]) -> None:
    if not header:
        raise DataRejected("The file is empty: not even a header. Have it delivered again.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataRejected(f"The header names {', '.join(twice)} more than once. Each column needs a name of its own.")


def _read_parquet(path: Path) -> "pd.DataFrame":
    import pyarrow.parquet as pq

    table = pq.read_table(path, page_checksum_verification=True)
    _refuse_bad_header(table.column_names)
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True)
    return frame.reset_index(drop=True)


class Folder(_Files):
    """A folder of CSV or Parquet files; every file is one batch."""

    kind: Literal["folder"] = "folder"


class Sample(_Files):
    """The generated sample with declared truth: due deliveries are written into the folder, then read as any other."""

    kind: Literal["sample"] = "sample"
    seed: int = 7
    settle: Duration = Field(default="0s", validate_default=True)

    def deliver(self, as_of: datetime) -> None:
        """Write each delivery of the sample that is due by `as_of` and not there yet, labels beside events."""
        from tasks.core.sample import PERIODS, files, generate, month_start

        due = sum(month_start(period + 1) <= as_of for period in range(1, PERIODS + 1))
        for delivery in generate(periods=due, seed=self.seed) if due else ():
            for relative, content in files(delivery).items():
                target = self.folder.parent / relative
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    unfinished = target.with_name(target.name + UNFINISHED[0])
                    unfinished.write_bytes(content)
                    unfinished.replace(target)


class ColumnLabels(BaseModel):
    """The target stands in the events themselves and is known `delay` after the event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["column"] = "column"
    delay: Duration = Field(default="0s", validate_default=True, description="How long after the event it is known.")


class FolderLabels(_Files):
    """The target arrives later, in files of its own: row id, label, and the time at which it became known."""

    kind: Literal["folder"] = "folder"
    id: str = Field(description="The column that holds the id of the event row.")
    label: str = Field(description="The column that holds the label.")
    known_at: str = Field(description="The column that holds when the label became known (ISO 8601).")
    delay: Duration = Field(default="0s", validate_default=True, description="When a label is due after its event.")


Labels = Annotated[ColumnLabels | FolderLabels, Field(discriminator="kind")]
Source = Annotated[Folder | Sample, Field(discriminator="kind")]
