"""A file as it was delivered, read exactly: CSV, JSON lines or Parquet, packed or not. Nothing is judged here."""

import codecs
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, field_validator

from tasks.adapters.sources import bounds
from tasks.adapters.sources.delimited import read_delimited
from tasks.adapters.sources.json_lines import read_json_lines
from tasks.adapters.sources.packed import opened
from tasks.adapters.sources.parquet import read_parquet
from tasks.core.errors import DataRejected, SourceUnavailable
from tasks.core.printable import printable

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["csv", "jsonl", "parquet"]
ENDINGS: dict[str, Format] = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zip"})


class Readable(BaseModel):
    """How the files of a source are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            codecs.lookup(name)
        except LookupError as error:
            raise ValueError("use the name of a text encoding, for example utf-8-sig or cp1252") from error
        return name

    def read(self, path: Path) -> "pd.DataFrame":
        """Every row of a file, one index label per delivered row from 0; text stays text, CSV fields not there are NaN.

        Raises:
            DataRejected: not readable as the declared format, no header, a name twice, or rows of too many fields.
            SourceUnavailable: the file is not there any more or may not be opened.
        """
        endings = [ending for ending in path.suffixes if ending.lower() not in COMPRESSED]
        kind = self.format or ENDINGS.get(endings[-1].lower() if endings else "", "csv")
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
