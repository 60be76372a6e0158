"""Batches as Arrow IPC streams: rows in, answers out. What a row may hold is checked as for JSON, elsewhere."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.core.errors import DataRejected

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
_HEADER, _RECORD_BATCH, _COMPRESSION = 2, 3, 3  # places in Arrow's Message.fbs


def rows_of(body: bytes, most: int) -> list[dict[str, Any]]:
    """The rows of a stream of plain columns.

    Raises DataRejected for what is no such stream, for compressed or dictionary-coded columns (a few bytes of these can
    stand for more than the memory holds), and for more than `most` rows.
    """
    import pyarrow as pa
    from pyarrow import ipc

    try:
        if any(_is_compressed(bytes(message.metadata)) for message in _messages(body)):
            raise DataRejected("compressed columns are not taken; write the stream without compression", "compressed")
        rows: list[dict[str, Any]] = []
        with ipc.open_stream(pa.py_buffer(body)) as stream:
            if any(pa.types.is_nested(kind) or pa.types.is_dictionary(kind) for kind in stream.schema.types):
                raise DataRejected("columns of lists, records and dictionaries are not taken", "nested")
            if len(set(stream.schema.names)) != len(stream.schema.names):
                raise DataRejected("two columns have the same name", "columns")
            for batch in stream:
                if len(rows) + batch.num_rows > most:
                    raise DataRejected(f"a batch has at most {most} rows; send several", "rows")
                batch.validate(full=True)
                rows += batch.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError, struct.error, IndexError, OSError) as error:
        raise DataRejected("the body is no stream of Arrow record batches", "arrow") from error
    if not rows:
        raise DataRejected("the batch has no rows", "rows")
    return rows


def written(answers: Sequence[dict[str, Any]]) -> bytes:
    """The answers as a stream of one record batch."""
    import pyarrow as pa
    from pyarrow import ipc

    schema = pa.schema({
        "answer_id": pa.string(), "row_id": pa.string(), "prediction": pa.float64(), "score": pa.float64(),
        "outside": pa.list_(pa.string()), "reason": pa.string(), "model_version": pa.int64(),
    })  # fmt: skip
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, schema) as stream:
        stream.write_table(pa.Table.from_pylist(list(answers), schema=schema))
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _messages(body: bytes) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import ipc

    reader = ipc.MessageReader.open_stream(pa.py_buffer(body))
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _is_compressed(metadata: bytes) -> bool:
    # Read from the flatbuffer itself, because pyarrow tells it only by decompressing.
    message = struct.unpack_from("<I", metadata, 0)[0]
    kind, header = _field(metadata, message, 1), _field(metadata, message, _HEADER)
    if kind is None or header is None or metadata[kind] != _RECORD_BATCH:
        return kind is not None and metadata[kind] == 2  # noqa: PLR2004 - a dictionary, which is not taken either
    batch = header + struct.unpack_from("<I", metadata, header)[0]
    return _field(metadata, batch, _COMPRESSION) is not None


def _field(metadata: bytes, table: int, place: int) -> int | None:
    """Where a field of a flatbuffer's table stands; None where it is absent."""
    lookup = table - struct.unpack_from("<i", metadata, table)[0]
    if 4 + 2 * place >= struct.unpack_from("<H", metadata, lookup)[0]:
        return None
    offset = struct.unpack_from("<H", metadata, lookup + 4 + 2 * place)[0]
    return table + offset if offset else None
