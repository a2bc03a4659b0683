"""Places of visits: who waits for whom, and that none is lost."""

import asyncio

import pytest

from scalewarden.sources.lanes import Lanes


def free(lanes: Lanes) -> tuple[int, int]:
    """Free places: quick, in the room."""
    return lanes.quick._value, lanes.room._value


async def settled(lanes: Lanes, wanted: tuple[int, int]) -> None:
    """Wait until so many places are free."""
    try:
        async with asyncio.timeout(5):
            while free(lanes) != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"free places are {free(lanes)}, not {wanted}") from None


async def test_who_loses_patience_makes_way() -> None:
    lanes = Lanes(quick=1, room=1, patience=0.01)
    async with lanes.turn(slow=False):
        await settled(lanes, (1, 0))
        async with lanes.turn(slow=False):  # the room is full: this one keeps its place
            assert free(lanes) == (0, 0)
    await settled(lanes, (1, 1))


async def test_who_is_slow_waits_in_the_room_from_the_start() -> None:
    lanes = Lanes(quick=1, room=2, patience=60)
    async with lanes.turn(slow=True):
        assert free(lanes) == (1, 1)
    assert free(lanes) == (1, 2)


async def test_a_large_page_needs_a_quick_place_and_keeps_it() -> None:
    lanes = Lanes(quick=1, room=1, patience=0.01)
    async with lanes.turn(slow=False) as first:
        await first.large()
        assert free(lanes) == (0, 1)
        async with lanes.turn(slow=True) as second:
            moving = asyncio.create_task(second.large())
            await asyncio.sleep(0.03)  # three times the patience: the first one does not make way
            assert not moving.done()
            moving.cancel()
            await asyncio.wait([moving])
    assert free(lanes) == (1, 1)


@pytest.mark.parametrize("slow", [True, False])
async def test_a_visit_that_is_given_up_gives_its_place_back(slow: bool) -> None:
    lanes = Lanes(quick=1, room=1, patience=0.001)

    async def visit() -> None:
        async with lanes.turn(slow=slow):
            await asyncio.sleep(60)

    for ends_after in (0.0, 0.001, 0.002, 0.005):
        visits = [asyncio.create_task(visit()) for _ in range(6)]
        await asyncio.sleep(ends_after)
        for one in visits:
            one.cancel()
        await asyncio.wait(visits)
        await settled(lanes, (1, 1))
