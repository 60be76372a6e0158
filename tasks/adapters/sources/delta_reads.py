"""What deltalake tells of a table: the files that one version added, or all that it had, and their rows in one order.

Which versions are taken does not belong here.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tasks.adapters.sources.versions import Version
from tasks.core.addresses import without_credentials
from tasks.core.errors import ConfigInvalid, SourceUnavailable

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH, _BUFFER = 8192, 1 << 16
_LOG = "_delta_log/{:020d}.json"


class NoAppend(Exception):
    """A version that cannot be taken in by what it added; `instead` takes in the table as a whole."""

    def __init__(self, number: int, why: str, instead: Version) -> None:
        super().__init__(f"Version {number} of the Delta table {why}")
        self.instead = instead


class Table:
    """A Delta table as it was when it was opened."""

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        """Open it at its newest version. Raises SourceUnavailable."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        with _answering(address):
            try:
                self._opened = DeltaTable(address, storage_options=dict(options))
            except TableNotFoundError:
                raise SourceUnavailable(
                    f"There is no Delta table at {without_credentials(address)}. Correct source.url, or create it."
                ) from None
            self.newest, self.name = int(self._opened.version()), str(self._opened.metadata().id)[:8]
        self._address, self._options = address, dict(options)

    @property
    def as_it_stands(self) -> Version:
        """The beginning of the whole newest version."""
        return Version(self.newest, 0, True, self.name)

    def content(self, at: Version) -> "tuple[pa.Schema, list[Any]]":
        """The schema of a version, and the files that hold it whole, or that it added; in an order that stays.

        Raises NoAppend for a version that deletes or rewrites rows, and where it is not kept any more.
        """
        with _answering(self._address):
            added = None if at.whole else self._added(at.number)
            if added is not None and not added:
                return None, []
            dataset = self._dataset(at.number)
            files = [file for file in dataset.get_fragments() if added is None or file.path in added]
            if added is not None and len(files) < len(added):
                raise SourceUnavailable(
                    f"Version {at.number} of the Delta table does not list what it added. Run again."
                )
            told = dataset.filesystem.get_file_info([file.path for file in files])
            if any(not one.is_file for one in told):
                raise self._lost(at.number)
            return dataset.schema, sorted(files, key=lambda file: str(file.path))

    def rows(self, content: "tuple[pa.Schema, list[Any]]", skip: int) -> "Iterator[pa.RecordBatch]":
        """The rows behind the first `skip`, in small batches. Raises SourceUnavailable for a file that is damaged."""
        import pyarrow.parquet as pq

        schema, files = content
        with _answering(self._address):
            for file in files:
                if skip >= (count := file.count_rows()):
                    skip -= count
                    continue
                # A scan of the dataset would hold whole row groups: as large as the writer pleased.
                with file.filesystem.open_input_file(file.path) as opened:
                    stored = pq.ParquetFile(
                        opened, pre_buffer=False, buffer_size=_BUFFER, page_checksum_verification=True,
                        coerce_int96_timestamp_unit="us",
                    )  # fmt: skip
                    for batch in stored.iter_batches(_BATCH, use_threads=False):
                        left = batch.slice(min(skip, len(batch)))
                        skip -= len(batch) - len(left)
                        if len(left):
                            yield _as_declared(left, schema, file)

    def _added(self, number: int) -> set[str]:
        """The paths of the data files that a version added; what only rearranges rows adds none."""
        try:
            with self._dataset(self.newest).filesystem.open_input_stream(_LOG.format(number)) as log:
                actions = [json.loads(line) for line in log.read().splitlines() if line.strip()]
        except FileNotFoundError:
            raise self._lost(number) from None
        if any(action["remove"].get("dataChange", True) for action in actions if "remove" in action):
            named = next((str(a["commitInfo"].get("operation")) for a in actions if "commitInfo" in a), "its writer")
            raise NoAppend(
                number, f"is no append: {named} deletes or rewrites rows", Version(number, 0, True, self.name)
            )
        adds = [action["add"] for action in actions if "add" in action]
        return {unquote(add["path"]) for add in adds if add.get("dataChange", True)}

    def _dataset(self, number: int) -> Any:
        from deltalake.exceptions import DeltaError, DeltaProtocolError

        try:
            if self._opened.version() != number:
                self._opened.load_as_version(number)
            return self._opened.to_pyarrow_dataset()
        except DeltaProtocolError:
            raise ConfigInvalid(
                f"Version {number} of the Delta table uses deletion vectors, column mapping or another feature that "
                "cannot be read here. Switch it off in the table, or export it as Parquet files for a folder source."
            ) from None
        except DeltaError:  # a network that fails is an OSError
            raise self._lost(number) from None

    def _lost(self, number: int) -> NoAppend:
        return NoAppend(number, "was vacuumed or is no longer in its log", self.as_it_stands)


def _as_declared(rows: "pa.RecordBatch", schema: "pa.Schema", file: Any) -> "pa.RecordBatch":
    """The rows with every column of the table: partitions stand in the file's path, later columns are empty."""
    import pyarrow as pa
    from pyarrow.dataset import get_partition_keys

    parts = get_partition_keys(file.partition_expression)
    columns = []
    for field in schema:
        if field.name in rows.schema.names:
            columns.append(rows.column(field.name).cast(field.type))
        else:
            columns.append(pa.array([parts.get(field.name)] * len(rows), field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


@contextmanager
def _answering(address: str) -> Iterator[None]:
    """Turns what deltalake and Arrow say into our errors, without addresses, secrets or cells."""
    import pyarrow as pa
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (OSError, DeltaError, pa.ArrowException, ValueError) as error:
        what = "did not answer or could not be read" if isinstance(error, OSError) else "could not be read"
        raise SourceUnavailable(
            f"The Delta table {without_credentials(address)} {what} ({type(error).__name__}). "
            "Check that source.url and source.options are right and its files whole, then run again."
        ) from None
