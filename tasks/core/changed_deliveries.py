"""A judged delivery beside the accepted ones before it: what is different about its columns, told or refused.

How changes are found and named is `tasks.core.schema_changes`'; nothing is read or written here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tasks.core import schema_changes
from tasks.core.batches import Judged, Suite, refuse_whole
from tasks.core.columns import Column


def compared(
    judged: Judged, now: Mapping[str, str], rows: int, columns: Sequence[Column], suite: Suite,
    before: Sequence[Mapping[str, str]],
) -> Judged:  # fmt: skip
    """The delivery with what changed as warnings; refused whole by `schema-KIND` where the pipeline's file says so.

    Args:
        judged: what became of its rows.
        now: what the values of each column that came are.
        rows: how many rows were read.
        columns: the declared columns.
        suite: `refuse_changes` says which changes refuse.
        before: what the columns of accepted deliveries held, the last one last.
    """
    changes = schema_changes.changes_of(before, now, rows)
    said = [change.words for change in changes]
    said += schema_changes.undeclared(now, [column.name for column in columns], before)
    judged = replace(judged, columns=now, warnings=(*judged.warnings, *said))
    reasons: dict[str, str] = {}
    for one in changes:
        if one.kind in suite.refuse_changes:
            rule = f"schema-{one.kind}"
            reasons[rule] = f"{reasons[rule]}, {one.words}" if rule in reasons else one.words
    return refuse_whole(judged, reasons) if reasons else judged
