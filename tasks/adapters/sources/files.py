"""Files of a folder: which of them have settled, and every row of one as text. Nothing is judged here.

Files that are still being written are left alone until they have settled.
"""

import codecs
import csv
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, field_validator

from tasks.adapters.sources import bounds
from tasks.adapters.sources.delimited import read_delimited
from tasks.adapters.sources.json_lines import read_json_lines
from tasks.adapters.sources.packed import opened
from tasks.adapters.sources.parquet import read_parquet
from tasks.core.durations import Duration
from tasks.core.errors import DataRejected, SourceUnavailable
from tasks.core.printable import printable

if TYPE_CHECKING:
    import pandas as pd

UNFINISHED = (".part", ".tmp", ".crdownload", ".partial")
Format = Literal["csv", "jsonl", "parquet"]
_ENDINGS: dict[str, Format] = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zip"})


@dataclass(frozen=True)
class Listing:
    """The settled files of a source, oldest name first, and the names of those that are still being written.

    `left_out` tells of what is called like a delivery and is none, by the rule that it breaks.
    """

    ready: tuple[Path, ...]
    unsettled: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


class Files(BaseModel):
    """Files in a folder, each of them one delivery."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    fetches: ClassVar[bool] = False
    """Whether deliveries are fetched into the inbox; else they lie where the source says."""

    path: str = Field(
        min_length=1,
        description="The folder; ~ and $VARIABLES are expanded, relative paths count from where Keepfit runs.",
    )
    pattern: str = Field(default="*.csv", description="Which files in it, as a glob.")
    format: Format | None = Field(
        default=None,
        description="Read from the file's ending where it is not given; .gz, .bz2, .xz and .zip are unpacked.",
    )
    separator: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8-sig"
    max_size: ByteSize = Field(
        default=ByteSize(bounds.SIZE),
        gt=0,
        description="A delivery that holds more bytes than this, unpacked, is refused whole; for example 500MB.",
    )
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

    def deliver(self, as_of: datetime, inbox: Path, ingested: Collection[str]) -> None:
        """Make due deliveries appear; ordinary folders are filled by somebody else."""

    def listing(self, inbox: Path) -> Listing:
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
            left_out = {f: rule for f in found if (rule := _no_delivery(f, self.folder))}
            ages = {f: time.time() - f.stat().st_mtime for f in found if f not in left_out}
        except OSError as error:
            raise SourceUnavailable(
                f"The source folder {self.folder} cannot be listed ({error.strerror}). Check its permissions."
            ) from None
        settled = tuple(f for f, age in ages.items() if age >= self.settle.total_seconds())
        unsettled = tuple(printable(f.name) for f in ages if f not in settled)
        return Listing(settled, unsettled, {printable(f.name): rule for f, rule in left_out.items()})

    def read(self, path: Path) -> "pd.DataFrame":
        """Every row of a file, one index label per delivered row from 0; text stays text, CSV fields not there are NaN.

        Raises:
            DataRejected: not readable as the declared format, no header, a name twice, or rows of too many fields.
            SourceUnavailable: the file is not there any more or may not be opened.
        """
        endings = [ending for ending in path.suffixes if ending.lower() not in COMPRESSED]
        kind = self.format or _ENDINGS.get(endings[-1].lower() if endings else "", "csv")
        try:
            if kind == "parquet":
                return read_parquet(path, self.max_size)
            with opened(path, self.encoding, self.max_size, kind) as lines:
                if kind == "jsonl":
                    return read_json_lines(lines, self.max_size)
                return read_delimited(path, lines, self.separator, self.encoding, self.max_size)
        except DataRejected:
            raise
        except (FileNotFoundError, PermissionError) as error:
            raise SourceUnavailable(
                f"The file {printable(path.name)} cannot be opened ({error.strerror}). Run again."
            ) from None
        except Exception as error:  # noqa: BLE001 - whatever the reader says, the answer is: this file is not readable
            rule, why = self._why(error)
            raise DataRejected(
                f"The file is not readable as {kind}: {why}. "
                "Check source.format, source.separator and source.encoding, or have it delivered again.",
                rule,
            ) from None

    def _why(self, error: Exception) -> tuple[str, str]:
        # In our own words: what readers say quotes cells.
        if isinstance(error, UnicodeError):
            return "encoding", f"its bytes are not {self.encoding} text"
        if isinstance(error, csv.Error) and "field limit" in str(error):
            return "field-length", "it holds a field longer than any that can be meant"
        if isinstance(error, csv.Error):
            return "quotes", "its quotes do not balance"
        return "damaged", "it is damaged or of another format"


def _no_delivery(path: Path, folder: Path) -> str:
    """The rule by which something in the folder is no delivery; empty for a file. Links may not lead out of it."""
    if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(folder.resolve())):
        return "file:link"
    if path.is_file():
        return ""
    return "file:folder" if path.is_dir() else "file:special"
