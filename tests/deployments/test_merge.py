import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.merge import Merged, Slot, merge

A, B, C = "cron 0 6 * * * UTC", "cron 0 7 * * * UTC", "cron 0 8 * * * UTC"
SLOTS = st.builds(Slot, st.sampled_from([A, B, C]), st.booleans())
MAYBE = st.none() | SLOTS


@pytest.mark.parametrize(
    ("last", "server", "wanted", "stands", "kept"),
    [
        pytest.param(None, None, Slot(A, True), Slot(A, True), 0, id="new schedule"),
        pytest.param(Slot(A, True), Slot(A, True), Slot(B, True), Slot(B, True), 0, id="changed in the file only"),
        pytest.param(Slot(A, True), Slot(B, True), Slot(A, True), Slot(B, True), 1, id="edited in the UI only"),
        pytest.param(Slot(A, True), Slot(B, True), Slot(C, True), Slot(B, True), 1, id="both: the UI wins"),
        pytest.param(Slot(A, True), Slot(A, False), Slot(A, True), Slot(A, False), 1, id="paused in the UI"),
        pytest.param(Slot(A, False), Slot(A, True), Slot(A, False), Slot(A, True), 1, id="resumed in the UI"),
        pytest.param(Slot(A, True), Slot(A, False), Slot(B, True), Slot(B, False), 1, id="paused, and new timing"),
        pytest.param(Slot(A, True), Slot(B, False), Slot(A, True), Slot(B, False), 2, id="edited and paused"),
        pytest.param(Slot(A, True), None, Slot(A, True), None, 1, id="deleted in the UI"),
        pytest.param(Slot(A, True), None, Slot(B, True), None, 1, id="deleted in the UI, changed in the file"),
        pytest.param(Slot(A, True), Slot(A, True), None, None, 0, id="removed from the file"),
        pytest.param(
            Slot(A, True), Slot(B, True), None, Slot(B, True), 1, id="removed from the file, edited in the UI"
        ),
        pytest.param(
            None, Slot(B, True), Slot(A, True), Slot(B, True), 1, id="nothing remembered: the server's stands"
        ),
        pytest.param(Slot(A, True), Slot(B, True), Slot(B, True), Slot(B, True), 0, id="both agree"),
    ],
)
def test_who_wins(last, server, wanted, stands, kept):
    merged = merge(last, server, wanted)
    assert merged.slot == stands
    assert len(merged.kept) == kept
    assert merge(last, server, wanted, reset=True) == Merged(wanted, wanted)


@given(MAYBE, MAYBE, MAYBE)
def test_deploying_again_changes_nothing_and_tells_the_same(last, server, wanted):
    once = merge(last, server, wanted)
    again = merge(once.remember, once.slot, wanted)
    assert again.slot == once.slot
    assert again.remember == once.remember
    assert again.kept == once.kept


@given(SLOTS, MAYBE, st.lists(SLOTS, min_size=1, max_size=4))
def test_an_edit_survives_any_number_of_changes_of_the_file(deployed, edited, files):
    remembered, server = deployed, edited
    for wanted in files:
        merged = merge(remembered, server, wanted)
        remembered, server = merged.remember, merged.slot
    if edited is None:
        assert server is None
    elif edited.timing not in {deployed.timing, *(file.timing for file in files)}:
        assert server is not None
        assert server.timing == edited.timing


@given(SLOTS, MAYBE)
def test_without_an_edit_the_file_is_followed(deployed, wanted):
    assert merge(deployed, deployed, wanted) == Merged(wanted, wanted)
