"""A judged delivery beside the accepted ones before it: what is different about its columns, told or refused.

How changes are found and named is `tasks.core.schema_changes`'; nothing is read or written here.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.core import schema_changes
from tasks.core.batches import Judged, Suite, refuse_whole
from tasks.core.columns import Column

if TYPE_CHECKING:
    import pandas as pd


def compared(
    judged: Judged, text: "pd.DataFrame", columns: Sequence[Column], suite: Suite, known: "pd.DataFrame"
) -> Judged:
    """The delivery with what changed as warnings; refused whole by `schema-KIND` where the pipeline's file says so.

    Args:
        judged: what became of its rows.
        text: the rows as they were read, with all columns that came.
        columns: the declared columns.
        suite: `refuse_changes` says which changes refuse.
        known: the batches table.
    """
    now = schema_changes.describe(text, {column.name: column.missing for column in columns})
    before = schema_changes.columns_before(known)
    changes = schema_changes.changes_of(before, now, len(text))
    said = [change.words for change in changes]
    said += schema_changes.undeclared(now, [column.name for column in columns], before)
    judged = replace(judged, columns=now, warnings=(*judged.warnings, *said))
    reasons: dict[str, str] = {}
    for one in changes:
        if one.kind in suite.refuse_changes:
            rule = f"schema-{one.kind}"
            reasons[rule] = f"{reasons[rule]}, {one.words}" if rule in reasons else one.words
    return refuse_whole(judged, reasons) if reasons else judged
