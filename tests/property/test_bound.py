"""The closed form of the worst survivor equals brute force over every victim set."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.whatif.bound import Load, worst_survivor

usages = st.floats(0, 1.2, allow_nan=False)
equal = st.builds(Load, usages)
sizes = st.sampled_from([9_700.0, 156_000.0, 452_000.0])
unequal = st.builds(Load, usages, sizes, st.one_of(st.none(), sizes))


def brute_force(alive: list[Load], gone: list[Load], k: int, left_out: int, sticky: bool) -> float:
    """Try every set of k victims; look at every survivor that is not among the left-out fullest ones."""
    by_usage = sorted(range(len(alive)), key=lambda index: alive[index].usage, reverse=True)
    ignored = set(by_usage[:left_out])
    stay = len(alive) - k
    worst = 0.0
    for victims in combinations(range(len(alive)), k):
        moved = [alive[index].tokens for index in victims] + [load.tokens for load in gone]
        received = sum(moved) / stay
        if sticky:
            received = max(received, max(moved, default=0.0))
        for index, load in enumerate(alive):
            if index not in victims and index not in ignored:
                worst = max(worst, load.usage + received / load.capacity)
    return worst


@given(
    alive=st.one_of(st.lists(equal, min_size=2, max_size=7), st.lists(unequal, min_size=2, max_size=7)),
    gone=st.lists(equal, max_size=2),
    data=st.data(),
    sticky=st.booleans(),
)
def test_closed_form_is_brute_force(alive: list[Load], gone: list[Load], data: st.DataObject, sticky: bool) -> None:
    k = data.draw(st.integers(0, len(alive) - 1))
    left_out = data.draw(st.integers(0, max(0, len(alive) - k - 1)))
    closed = worst_survivor(alive, gone, k, sticky=sticky, left_out=left_out)
    assert closed == pytest.approx(brute_force(alive, gone, k, left_out, sticky))


@given(alive=st.lists(equal, min_size=2, max_size=12), data=st.data())
def test_removing_more_never_helps(alive: list[Load], data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(alive) - 2))
    assert worst_survivor(alive, k=k + 1) >= worst_survivor(alive, k=k) - 1e-9


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(ValueError, match="no survivor"):
        worst_survivor([Load(0.1)], k=1)
