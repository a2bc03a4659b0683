"""The page of write paths and the cluster tests come from one table: no cell of it is without a test."""

from tests.cluster.guard import test_write_paths as cells
from tests.cluster.guard.ways import COUNTS, IDENTITIES, WAYS
from tools.docs import write_paths
from tools.docs.write_paths_table import PATHS, Outcome, State


def test_every_row_has_a_way_and_every_way_a_row() -> None:
    assert list(WAYS) == [row.key for row in PATHS]
    assert COUNTS.keys() | IDENTITIES.keys() <= WAYS.keys()


def test_every_outcome_of_a_cell_has_a_check_and_no_other_has() -> None:
    assert cells.CHECKS.keys() == {row.outcome(state) for row in PATHS for state in State}


def test_every_outcome_is_used_in_words() -> None:
    (page,) = write_paths.render().values()
    for outcome in Outcome:
        assert outcome in page


def test_no_row_refuses_with_more_than_a_fence() -> None:
    """What nobody can refuse with the guard gone is never refused with it alone, but for what the page says."""
    by_guard_alone = {
        row.key for row in PATHS if row.guard_up is Outcome.REFUSED and row.guard_down is not Outcome.BY_POLICY
    }
    assert by_guard_alone == {"scaledobject-bound"}
