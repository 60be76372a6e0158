"""A flow run in which a vendor fails, for every n-th of the calls that the run makes to it."""

import contextlib
import itertools
from collections.abc import Callable, Iterator

from benchmarks.failing import Injection, Mode, failing
from benchmarks.ground import Ground
from tasks.core.errors import KeepfitError


def each_failure(
    ground: Ground, state: str, vendor: str, mode: Mode, run: Callable[[], object], *, first: int = 1, step: int = 1
) -> Iterator[Injection]:
    """From the kept state, run with the vendor's call `first`, `first + step`, ... failing; gives each that fired."""
    for at in itertools.count(first, step):
        ground.restore(state)
        with ground.run(), failing(vendor, at, mode) as injection, contextlib.suppress(KeepfitError):
            run()
        if not injection.fired:
            assert at > first, "the vendor is not asked at all"
            return
        yield injection
