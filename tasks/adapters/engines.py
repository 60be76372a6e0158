"""Where Great Expectations evaluates rules, as kinds: pandas in the process of the run, or Spark, here or on a cluster.

What the rules are and what their answers mean stands elsewhere.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters import parts
from tasks.adapters.parts import Asked
from tasks.adapters.stored_rows import Stored
from tasks.core.errors import ConfigInvalid, ServerUnavailable

if TYPE_CHECKING:
    import pandas as pd

_COUNTS = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}
_WITHOUT_VALUES = _COUNTS | {"result_format": "COMPLETE", "return_unexpected_index_query": False}
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",  # what fails is told by the rule; Spark's own lines may quote cells
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.ansi.enabled": "true",  # else a text beside a number is null, which breaks no rule
}
_NOT_OF_SPARK = {
    "ExpectColumnValuesToBeIncreasing": "Spark's rows stand in no order",
    "ExpectColumnValuesToBeDecreasing": "Spark's rows stand in no order",
    "ExpectColumnValuesToBeDateutilParseable": "Great Expectations has it for pandas only",
    "ExpectQueryResultsToMatchComparison": "it runs a query of its own, which may read anything",
}
Group = tuple[Any, list[int]]
"""A batch of Great Expectations', and the numbers of the rules that are asked of it."""


class PandasEngine(BaseModel):
    """Rules are evaluated in the process of the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pandas"] = "pandas"

    def result_format(self, _rows: "pd.DataFrame | Stored") -> dict[str, Any]:
        """How Great Expectations is to answer: row numbers and counts, and no cell."""
        return _WITHOUT_VALUES

    def fault(self, expect: str, arguments: Mapping[str, Any]) -> str | None:
        """Why a rule cannot be asked here; None where it can, or where Great Expectations itself says so."""
        return None

    @contextmanager
    def evaluating(
        self, context: Any, asked: Mapping[int, Asked], rows: "pd.DataFrame | Stored", _folder: Path | None
    ) -> Iterator[Iterator[Group]]:
        """The batches of which the rules are asked; each holds the columns that its rules look at."""
        frame = rows.read() if isinstance(rows, Stored) else rows
        whole = context.data_sources.add_pandas("batch").add_dataframe_asset("rows")
        definition = whole.add_batch_definition_whole_dataframe("all")
        yield (
            (definition.get_batch(batch_parameters={"dataframe": parts.part(frame, names)}), numbers)
            for names, numbers in parts.by_columns(asked, frame).items()
        )


class SparkEngine(BaseModel):
    """Rules are evaluated by Spark, which reads the rows from a file; it needs Java and the extra `spark`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["spark"]
    master: str = Field(
        default="local[*]",
        min_length=1,
        description="Where Spark runs: local[2] (two cores of this machine), spark://host:7077, yarn, k8s://... All "
        "machines of a cluster have to see the folder of the store under the same path.",
    )
    settings: dict[str, str] = Field(
        default_factory=dict, description="Spark's own settings, for example spark.driver.memory: 4g."
    )

    def result_format(self, rows: "pd.DataFrame | Stored") -> dict[str, Any]:
        """As that of pandas, the numbers of rows in a column of their own; of a table that is not held counts only."""
        if isinstance(rows, Stored):
            return _COUNTS
        return _WITHOUT_VALUES | {"unexpected_index_column_names": [parts.ROW_NUMBER]}

    def fault(self, expect: str, arguments: Mapping[str, Any]) -> str | None:
        """Why a rule cannot be asked here; None where it can, or where Great Expectations itself says so."""
        if why := _NOT_OF_SPARK.get(expect):
            return f"{expect} cannot be asked of Spark: {why}. Take the engine pandas for it."
        if odd := [name for name in parts.columns_of(arguments) if "." in name or "`" in name]:
            return f"Spark reads the dots and backticks of {odd[0]!r} as its own. Take the engine pandas for it."
        if arguments.get("row_condition") and arguments.get("condition_parser") != "spark":
            return "With the engine spark a row_condition is SQL of Spark's: write it so, with condition_parser: spark."
        return None

    @contextmanager
    def evaluating(
        self, context: Any, asked: Mapping[int, Asked], rows: "pd.DataFrame | Stored", folder: Path | None
    ) -> Iterator[Iterator[Group]]:
        """One batch of all columns, of which Spark reads what a rule looks at.

        Rows of a frame stand in a file of the folder, private and gone at the end. Raises ConfigInvalid where Spark
        cannot be started, and ServerUnavailable where it does not answer, or stops to: that says nothing of the rows.
        """
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", suffix=".rows", dir=folder) as private:
            files = rows.files if isinstance(rows, Stored) else (_written(rows, Path(private)),)
            held, expected = self._read(files, Path(private).parent), _count_of(rows)
            self._count(held, expected)
            source = context.data_sources.add_spark("batch", persist=False)
            definition = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
            yield iter([(definition.get_batch(batch_parameters={"dataframe": held}), list(asked))])
            self._count(held, expected)  # rules that crashed because Spark did have not answered

    def _read(self, files: Sequence[str], folder: Path) -> Any:
        try:
            return self._session(folder).read.option("mergeSchema", "true").parquet(*map(_address, files))
        except ConfigInvalid:
            raise
        except Exception as error:
            raise self._silent(error) from error

    def _session(self, folder: Path) -> Any:
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise ConfigInvalid(
                "validation.engine is spark, and pyspark is not installed. Run pip install 'keepfit[spark]', in the "
                "version of your cluster, or take the engine pandas."
            ) from error
        if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
            raise ConfigInvalid(
                "validation.engine is spark, and there is no Java for it. Install a Java runtime (17) or set "
                "JAVA_HOME, or take the engine pandas."
            )
        settings = _SETTINGS | {"spark.local.dir": str(folder), "spark.sql.warehouse.dir": str(folder / "warehouse")}
        if self.master.startswith("local"):
            settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        builder = SparkSession.builder.master(self.master).appName("keepfit")
        for name, value in (settings | self.settings).items():
            builder = builder.config(name, value)
        return builder.getOrCreate()

    def _count(self, rows: Any, expected: int) -> None:
        try:
            found = rows.count()
        except Exception as error:
            raise self._silent(error) from error
        if found != expected:
            raise ServerUnavailable(f"Spark ({self.master}) read {found} of {expected} rows; nothing was decided.")

    def _silent(self, error: Exception) -> ServerUnavailable:
        return ServerUnavailable(
            f"Spark ({self.master}) does not answer, or cannot read the folder of the store ({type(error).__name__}). "
            "See that it runs, that Java is one that it supports (17), and that all of its machines see that folder."
        )


Engine = Annotated[PandasEngine | SparkEngine, Field(discriminator="kind")]


def _address(file: str) -> str:
    return file if "://" in file else f"file://{file}"  # a cluster's own paths mean another place; nothing is encoded


def _count_of(rows: "pd.DataFrame | Stored") -> int:
    return rows.count if isinstance(rows, Stored) else len(rows)


def _written(frame: "pd.DataFrame", folder: Path) -> str:
    """The rows with their numbers as one Parquet file, whose missing numbers are null as they are to pandas."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(parts.part(frame, ()), preserve_index=False).replace_schema_metadata()
    # A column without any value tells no type; what could be written as text is one of texts.
    typed = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in table.schema]
    path = folder / "rows.parquet"
    pq.write_table(table.cast(pa.schema(typed)), path, coerce_timestamps="us")
    return str(path)
