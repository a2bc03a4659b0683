"""The bound asks for somebody who stays: without a survivor there is no number, and none is invented."""

import pytest

from scalewarden.whatif.bound import Load, worst_survivor


@pytest.mark.parametrize(("count", "k"), [(0, 0), (1, 1), (3, 4)])
def test_without_a_survivor_there_is_no_worst_one(count: int, k: int) -> None:
    with pytest.raises(ValueError, match="no survivor"):
        worst_survivor([Load(0.2)] * count, k=k)


def test_the_last_one_takes_everything() -> None:
    assert worst_survivor([Load(0.2), Load(0.3), Load(0.1)], [Load(0.05)], 2) == pytest.approx(0.65)
