"""What one delivery may hold at most, so that no bomb takes the machine: of bytes, of a line, of a field, of cells.

Each bound is a rule of its own that refuses a delivery whole. Nothing is read here.
"""

from tasks.core.errors import DataRejected

SIZE = 2_000_000_000
"""Bytes of a delivery, unpacked, where the source says nothing else."""
FIELD = 131_072
"""Characters of one field: more than any value that can be meant."""
LINE = 2_000_000
"""Characters of one line."""
_CELL = 8  # bytes that a frame takes for a cell, whatever is in it
AGAIN = "Have it delivered again."


def refuse_size(size: int, limit: int) -> None:
    """Raise DataRejected where a delivery, unpacked, holds more bytes than the source allows."""
    if size > limit:
        raise DataRejected(
            f"The file holds more than {limit:,} bytes when it is unpacked. Have it delivered in parts, or raise "
            "source.max_size.",
            "max-size",
        )


def refuse_cells(rows: int, columns: int, limit: int) -> None:
    """Raise DataRejected where so many rows of so many columns take more bytes than the source allows."""
    if rows * columns * _CELL > limit:
        raise DataRejected(
            f"The file holds {rows:,} rows of {columns:,} columns, which take more than {limit:,} bytes. Have it "
            "delivered in parts, or raise source.max_size.",
            "max-size",
        )


def refuse_field(where: str, length: int) -> None:
    """Raise DataRejected where a field is longer than any that can be meant."""
    if length > FIELD:
        raise DataRejected(
            f"{where} holds a field longer than any that can be meant ({FIELD:,} characters). {AGAIN}", "field-length"
        )
