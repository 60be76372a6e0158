"""Takes a staged Parquet file into a Delta table as it is: linked into the table's folder and committed.

Large tables would otherwise be read and written once more. What does not fit to the letter is appended by `tables`.
"""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.adapters.store.failures import unreadable
from tasks.adapters.store.folders import hidden_file, local_root, sync, writing
from tasks.adapters.store.tables import contested, schema_of

if TYPE_CHECKING:
    import pyarrow as pa


def adopt(uri: str, file: Path, digest: str, transaction: str) -> bool | None:
    """Commit the rows of `file`, whose SHA-256 is `digest`, once. False: this transaction was committed before.

    None: nothing is done, because its columns are not those of the table in name and type (the table may have more).
    A crash before the commit leaves a file that no version names and that the next attempt uses. Raises StoreConflict
    and as `append` does.
    """
    import pyarrow.parquet as pq

    schema = pq.read_schema(file)
    if not fits(schema, schema):
        return None
    for table in contested(uri, schema):
        if table is None or not fits(schema, schema_of(table)):
            return None
        if table.transaction_version(transaction) is not None:
            return False
        name = f"part-{sha256(f'{transaction} {digest}'.encode()).hexdigest()[:32]}.snappy.parquet"
        _link(file, local_root(uri) / name)
        if _commit(table, local_root(uri) / name, transaction):
            return True
    raise AssertionError("views of a table never end")


def fits(schema: "pa.Schema", held: "pa.Schema") -> bool:
    """Whether every column has a type and is a column of the table, of the same type."""
    import pyarrow as pa

    types = dict(zip(held.names, held.types, strict=True))
    return len(schema) > 0 and all(
        types.get(field.name) == field.type and not pa.types.is_null(field.type) for field in schema
    )


def _link(file: Path, target: Path) -> None:
    try:
        target.hardlink_to(file)
    except FileNotFoundError:
        raise  # another process published the batch and dropped its stage
    except FileExistsError:
        return  # an attempt that was cut off: the name says that it has the same content
    except OSError:  # a file system without links, or another one
        with writing(target.parent), hidden_file(target.parent) as (copy, unfinished), file.open("rb") as content:
            shutil.copyfileobj(content, copy)
            copy.flush()
            sync(unfinished)
            unfinished.replace(target)
    sync(target.parent)


def _commit(table: Any, file: Path, transaction: str) -> bool:
    import pyarrow.parquet as pq
    from deltalake import CommitProperties, Transaction
    from deltalake.exceptions import CommitFailedError, DeltaError
    from deltalake.transaction import AddAction

    size, changed = file.stat().st_size, int(file.stat().st_mtime * 1000)
    # The smallest and largest values of a file are somebody's, and nothing here asks for them.
    count = json.dumps({"numRecords": pq.read_metadata(file).num_rows})
    properties = CommitProperties(app_transactions=[Transaction(transaction, 1)])
    added = AddAction(file.name, size, {}, changed, True, count)
    try:
        table.create_write_transaction([added], "append", table.schema(), commit_properties=properties)
    except CommitFailedError:
        return False
    except (DeltaError, OSError) as error:
        raise unreadable(table.table_uri, error, "written") from None
    return True
