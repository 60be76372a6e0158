"""Great Expectations' page of a validation, whose templates are compiled once in a process, and not for every site."""

from typing import Any

from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

_COMPILED: dict[str, bytes] = {}


class _InMemory(BytecodeCache):
    """What was compiled, by template and its text."""

    def load_bytecode(self, bucket: Bucket) -> None:
        if (compiled := _COMPILED.get(f"{bucket.key} {bucket.checksum}")) is not None:
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        _COMPILED[f"{bucket.key} {bucket.checksum}"] = bucket.bytecode_to_string()


class PageView(DefaultJinjaPageView):  # type: ignore[misc]
    """The same page from the same templates."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.env.bytecode_cache = _InMemory()
