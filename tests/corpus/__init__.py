"""A corpus of bad deliveries: each one states which named rule refuses it, sets rows of it aside, or that it is right.

`python -m tests.corpus` prints what became of each, and what plain pandas makes of the same file.
"""

from functools import cache
from types import ModuleType

from tests.corpus import (
    dialects,
    distributions,
    earlier,
    files,
    hostile,
    kinds,
    personal,
    records,
    schemas,
    targets,
    times,
)
from tests.corpus.case import Case

THEMES: dict[str, ModuleType] = {
    "files": files, "records": records, "dialects": dialects, "types": kinds, "schemas": schemas, "times": times,
    "distributions": distributions, "targets": targets, "hostile": hostile,
    "earlier": earlier, "personal": personal,
}  # fmt: skip


@cache
def corpus() -> list[tuple[str, Case]]:
    """Every case, with its theme; made once, because some of them are large."""
    return [(theme, case) for theme, module in THEMES.items() for case in module.cases()]
