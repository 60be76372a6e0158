"""Delta tables: opening, appending once, compacting; reading stands in `reads`.

An application transaction names each append; two appends of one transaction cannot both be committed.
What the tables hold does not belong here.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.adapters.store.columns import align, to_arrow
from tasks.adapters.store.failures import unreadable
from tasks.adapters.store.logs import refuse_holes, refuse_lost_log
from tasks.core.errors import NotFound, StoreConflict

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Snapshots name old versions for ever, so nothing ever cleans the log; frequent checkpoints keep opening fast.
_CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 5000 weeks",
    "delta.checkpointInterval": "20",
}


def open_table(uri: str, version: int | None = None) -> Any | None:
    """The DeltaTable at its newest or at a given version; None when there is no table.

    Raises NotFound for a version that does not exist and ServerUnavailable or ArtefactMismatch when it cannot be read.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        table = DeltaTable(uri) if version is None else DeltaTable(uri, version=version)
    except TableNotFoundError:
        refuse_lost_log(uri)
        return None
    except (DeltaError, OSError) as error:
        if version is not None and (newest := open_table(uri)) is not None and version > newest.version():
            raise NotFound(f"Table {uri} has no version {version}; the newest is {newest.version()}.") from None
        raise unreadable(uri, error) from None
    refuse_holes(uri, table.version())
    return table


def append(uri: str, frame: "pd.DataFrame | pa.Table", transaction: str, schema: "pa.Schema | None" = None) -> bool:
    """Append once. False: this transaction was committed before, and nothing is written. Creates the table if needed.

    Raises StoreConflict when other writers win every race for half a minute, DataRejected when the rows do not fit.
    """
    rows = to_arrow(frame)
    rows = rows if schema is None else align(rows, schema)
    views = contested(uri, rows.schema)
    while True:
        table = next(views)
        if table is None or not rows.num_columns:
            return True
        if table.transaction_version(transaction) is not None:
            return False
        if try_append(table, rows, transaction, 1):
            return True


def contested(uri: str, schema: "pa.Schema") -> Iterator[Any | None]:
    """Endless fresh views of the table for a compare-and-swap loop, with growing random pauses after a lost race.

    Creates the table from `schema` when there is none (None when the schema has no columns). Raises StoreConflict after
    half a minute.
    """
    end, pause = time.monotonic() + 30, 0.005
    while True:
        yield open_table(uri) or _create(uri, schema)
        if time.monotonic() > end:
            raise StoreConflict(f"Other writers won every race for table {uri} for 30 seconds; run again.")
        time.sleep(random.uniform(0, pause))  # noqa: S311 - spreads competing writers, guards nothing
        pause = min(pause * 2, 0.5)


def try_append(table: Any, rows: "pa.Table", application: str, version: int) -> bool:
    """One attempt on the view that `table` has read.

    False: another writer committed the same application first, or changed the columns; nothing is written, and the
    caller reads again.
    """
    from deltalake import CommitProperties, Transaction, write_deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError

    held = schema_of(table)
    aligned = align(rows, held)
    try:
        write_deltalake(
            table,
            aligned,
            mode="append",
            schema_mode="merge" if len(aligned.column_names) > len(held.names) else None,
            commit_properties=CommitProperties(app_transactions=[Transaction(application, version)]),
        )
    except CommitFailedError:
        return False
    except (DeltaError, OSError) as error:
        raise unreadable(table.table_uri, error, "written") from None
    return True


def compact(uri: str) -> int:
    """Merge small files, write a checkpoint; versions and transactions stay. Gives the number of files merged.

    Raises StoreConflict and ServerUnavailable; what stood before stands then, too.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    table = open_table(uri)
    if table is None:
        return 0
    try:
        removed = int(table.optimize.compact()["numFilesRemoved"])
        table.create_checkpoint()
    except CommitFailedError:
        raise StoreConflict(f"Another writer changed table {uri} while it was compacted; compact it later.") from None
    except (DeltaError, OSError) as error:
        raise unreadable(uri, error, "written") from None
    return removed


def schema_of(table: Any) -> "pa.Schema":
    """The columns of an open table."""
    import pyarrow as pa

    return pa.schema(table.schema().to_arrow())


def _create(uri: str, schema: "pa.Schema") -> Any | None:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    fields = [pa.field(field.name, field.type) for field in schema if not pa.types.is_null(field.type)]
    if not fields:
        return None
    if "://" not in uri:
        Path(uri).mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return DeltaTable.create(uri, pa.schema(fields), mode="ignore", configuration=_CONFIGURATION)
    except (DeltaError, OSError) as error:
        created = open_table(uri)  # another writer was faster
        if created is None:
            raise unreadable(uri, error, "written") from None
        return created
