"""Takes the rows that later deliveries took the place of out of the newest version of a table.

Earlier versions keep them, because snapshots name those; taking rows out of every byte is `erasing`'s business.
"""

from typing import TYPE_CHECKING, Any

from tasks.adapters.store.failures import unreadable
from tasks.adapters.store.reads import read_arrow
from tasks.adapters.store.tables import open_table, schema_of
from tasks.core.errors import StoreConflict

if TYPE_CHECKING:
    import pyarrow as pa


def take_out(uri: str, rows: "pa.Table") -> int:
    """Take rows (`of_batch`, `_row_id`) out of a table, a batch at a time; gives how many there were.

    What a batch keeps is written anew in the same commit, so that a reader sees it before or after, and a repeat finds
    nothing to do. Earlier versions stay. Raises StoreConflict when another writer changed the batch meanwhile.
    """
    import pyarrow.compute as pc

    taken = 0
    for batch in _that_hold(uri, rows):
        gone = rows.filter(pc.equal(rows["of_batch"], batch))["_row_id"]
        view = open_table(uri)
        held = read_arrow(uri, where=pc.field("_batch_id") == batch, version=view.version()) if view else None
        if held is None:
            continue
        out = pc.is_in(held["_row_id"], value_set=gone.combine_chunks())
        if found := pc.sum(out).as_py():
            _keep_only(view, str(batch), held.filter(pc.invert(out)))
            taken += int(found)
    return taken


def _that_hold(uri: str, rows: "pa.Table") -> list[str]:
    """The batches of which some of the rows still stand; mostly none, which one look at two columns tells."""
    import pyarrow.compute as pc

    view = open_table(uri)
    if view is None or "_row_id" not in schema_of(view).names:
        return []
    wanted = {name: pc.unique(rows[name]) for name in ("of_batch", "_row_id")}
    where = pc.field("_batch_id").isin(wanted["of_batch"]) & pc.field("_row_id").isin(wanted["_row_id"])
    held = read_arrow(uri, ["_batch_id", "_row_id"], where, view.version())
    pairs = set(zip(rows["of_batch"].to_pylist(), rows["_row_id"].to_pylist(), strict=True))
    standing = () if held is None else zip(held["_batch_id"].to_pylist(), held["_row_id"].to_pylist(), strict=True)
    return sorted({batch for batch, row in standing if (batch, row) in pairs})


def _keep_only(table: Any, batch: str, rest: "pa.Table") -> None:
    from deltalake import write_deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError

    quoted = batch.replace("'", "''")
    predicate = f"_batch_id = '{quoted}'"
    try:
        if rest.num_rows:
            write_deltalake(table, rest, mode="overwrite", predicate=predicate)
        else:
            table.delete(predicate)
    except CommitFailedError:
        raise StoreConflict(f"Another writer changed table {table.table_uri} meanwhile; run again.") from None
    except (DeltaError, OSError) as error:
        raise unreadable(table.table_uri, error, "written") from None
