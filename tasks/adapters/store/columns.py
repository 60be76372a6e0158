"""From frames to the few column types that every table can hold; times are UTC microseconds.

Errors name columns and types and never a value. Where rows are stored does not belong here.
"""

from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataRejected

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ALLOWED = "text, bytes, whole and real numbers, decimals, booleans, dates, times and lists or structs of these"


def to_arrow(frame: "pd.DataFrame | pa.Table") -> "pa.Table":
    """The rows with storable types: times become UTC microseconds, categories their values, missing values null.

    Columns without any value and without a type keep type null. Raises DataRejected for what cannot be stored.
    """
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        names, columns = frame.column_names, frame.columns
    else:
        names = [str(name) for name in frame.columns]
        columns = [_from_pandas(name, frame.iloc[:, place]) for place, name in enumerate(names)]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataRejected(f"Columns {', '.join(twice)} appear more than once; give every column a name of its own.")
    targets = [_storable(name, column.type) for name, column in zip(names, columns, strict=True)]
    return pa.table(
        {name: cast(name, column, target) for name, column, target in zip(names, columns, targets, strict=True)}
    )


def align(rows: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    """The rows with every column of `schema` in its type and order (null where absent), then the columns that are new.

    New columns without any value are left out: they have no type yet. Raises DataRejected where values do not fit.
    """
    import pyarrow as pa

    columns = {}
    for field in schema:
        known = field.name in rows.column_names
        target = _storable(field.name, field.type)
        columns[field.name] = (
            cast(field.name, rows.column(field.name), target) if known else pa.nulls(rows.num_rows, target)
        )
    new = [name for name in rows.column_names if name not in columns and not pa.types.is_null(rows.column(name).type)]
    return pa.table(columns | {name: rows.column(name) for name in new})


def cast(name: str, column: Any, target: "pa.DataType") -> Any:
    """The column as `target`, only within one family of types (no text that is read as a number), only without loss."""
    import pyarrow as pa

    if column.type == target:
        return column
    if _family(column.type) in ("null", _family(target)) or pa.types.is_dictionary(column.type):
        try:
            # Times lose what is finer than a microsecond; everything else must fit exactly.
            return column.cast(target, safe=not pa.types.is_timestamp(target))
        except pa.ArrowException:
            pass  # its message quotes a value
    raise DataRejected(
        f"Column {name!r} holds {column.type} and must be {target}: the values do not fit. "
        "Correct the source, or the type that the configuration declares for the column."
    )


def _from_pandas(name: str, series: "pd.Series[Any]") -> Any:
    import pyarrow as pa

    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        kinds = sorted({type(value).__name__ for value in series.dropna()})
    raise DataRejected(
        f"Column {name!r} cannot be stored: it mixes or holds {', '.join(kinds)}. Allowed in one column is one of "
        f"{_ALLOWED}; convert the column first."
    )


def _storable(name: str, kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    is_ = pa.types
    if is_.is_dictionary(kind):
        return _storable(name, kind.value_type)
    if is_.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC")
    replacements = (
        ((is_.is_large_string, is_.is_string_view), pa.string()),
        ((is_.is_large_binary, is_.is_binary_view, is_.is_fixed_size_binary), pa.binary()),
        ((is_.is_unsigned_integer,), pa.int64()),
        ((is_.is_float16,), pa.float32()),
        ((is_.is_date64,), pa.date32()),
    )
    for tests, target in replacements:
        if any(test(kind) for test in tests):
            return target
    if is_.is_time(kind) or is_.is_duration(kind) or is_.is_interval(kind) or is_.is_union(kind):
        raise DataRejected(f"Column {name!r} has type {kind}, which cannot be stored; allowed are {_ALLOWED}.")
    return kind


def _family(kind: "pa.DataType") -> str:
    import pyarrow as pa

    is_ = pa.types
    families = {
        "null": (is_.is_null,),
        "number": (is_.is_integer, is_.is_floating, is_.is_decimal),
        "text": (is_.is_string, is_.is_large_string, is_.is_string_view),
        "bytes": (is_.is_binary, is_.is_large_binary, is_.is_binary_view, is_.is_fixed_size_binary),
        "time": (is_.is_timestamp, is_.is_date),
    }
    return next((name for name, tests in families.items() if any(test(kind) for test in tests)), str(kind))
