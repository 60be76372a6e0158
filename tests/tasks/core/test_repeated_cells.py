"""Whether cells repeat is told by the first of them, by one rule for reading and for the detectors."""

import pyarrow as pa
import pytest

from tasks.core.repeated_cells import hardly_repeat


@pytest.mark.parametrize(
    ("different", "of", "told"),
    [(0, 0, False), (1, 1, False), (2, 2, True), (90, 100, False), (91, 100, True),
     (9_000, 10_000, False), (9_001, 10_000, True)],
)  # fmt: skip
def test_as_soon_as_more_than_nine_in_ten_differ(different, of, told):
    cells = pa.array([str(n) if n < different else "0" for n in range(of)], pa.string())
    for one in (cells, pa.chunked_array([cells[:7], cells[7:]])):
        assert hardly_repeat(one) is told


def test_only_the_first_cells_are_looked_at():
    first = [str(n) for n in range(10_000)]
    assert hardly_repeat(pa.array(first + ["0"] * 90_000))
    assert not hardly_repeat(pa.array(["0"] * 10_000 + first))
