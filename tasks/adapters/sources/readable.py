"""A file as it was delivered, read exactly: CSV, JSON lines or Parquet, packed or not. Nothing is judged here."""

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.adapters.sources.delimited import read_delimited, refuse_bad_header
from tasks.adapters.sources.json_lines import read_json_lines
from tasks.core.errors import DataRejected, SourceUnavailable

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
                return read_parquet(path)
            with self._opened(path) as lines:
                if kind == "jsonl":
                    return read_json_lines(lines)
                return read_delimited(path, lines, self.separator, self.encoding)
        except DataRejected:
            raise
        except (FileNotFoundError, PermissionError) as error:
            raise SourceUnavailable(f"The file {path.name} cannot be opened ({error.strerror}). Run again.") from None
        except Exception as error:  # noqa: BLE001 - whatever the reader says, the answer is: this file is not readable
            raise DataRejected(
                f"The file is not readable as {kind}: {self._why(error)}. "
                "Check source.format, source.separator and source.encoding, or have it delivered again."
            ) from None

    @contextmanager
    def _opened(self, path: Path) -> Iterator[TextIO]:
        import fsspec

        raw = fsspec.filesystem("file").open(str(path), "rb", compression="infer")
        with raw, io.TextIOWrapper(raw, encoding=self.encoding, newline="") as text:
            yield text

    def _why(self, error: Exception) -> str:
        # In our own words: what readers say quotes cells.
        if isinstance(error, UnicodeError):
            return f"its bytes are not {self.encoding} text"
        if isinstance(error, csv.Error):
            return "its quotes do not balance, or a field is longer than any that can be meant"
        return "it is damaged or of another format"


def read_parquet(path: Path) -> "pd.DataFrame":
    """Every row with its own types; page checksums are held."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, page_checksum_verification=True)
    refuse_bad_header(table.column_names)
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True)
    return frame.reset_index(drop=True)
