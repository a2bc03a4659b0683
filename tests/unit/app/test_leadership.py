"""Who writes: one at a time, and somebody soon after the last one fell silent."""

import pytest

from scalewarden.app.leadership import Leadership
from scalewarden.app.settings import LeaseSettings
from scalewarden.sources.kubeapi import ApiError
from tests.unit.app.fake_api import Clock, FakeApi

LEASE = ("leases", "sw", "scalewarden-operator")


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


def candidate(api: FakeApi, clock: Clock, name: str, *, healthy: bool = True) -> Leadership:
    return Leadership(api, LeaseSettings("sw", identity=name), lambda: healthy, clock)


async def test_the_first_takes_it_and_the_second_waits(api: FakeApi, clock: Clock) -> None:
    first, second = candidate(api, clock, "a"), candidate(api, clock, "b")
    await first.step()
    await second.step()
    assert first.is_leader and not second.is_leader
    assert api.objects[LEASE]["spec"]["holderIdentity"] == "a"


async def test_a_holder_that_renews_is_never_replaced(api: FakeApi, clock: Clock) -> None:
    first, second = candidate(api, clock, "a"), candidate(api, clock, "b")
    for _ in range(20):
        await first.step()
        clock.now += 5
        await second.step()
    assert first.is_leader and not second.is_leader


async def test_a_silent_holder_is_replaced_after_its_duration_by_our_own_clock(api: FakeApi, clock: Clock) -> None:
    first, second = candidate(api, clock, "a"), candidate(api, clock, "b")
    await first.step()
    api.objects[LEASE]["spec"]["renewTime"] = "2099-01-01T00:00:00.000000Z"  # a clock that is far ahead
    await second.step()
    clock.now += 15
    await second.step()
    assert not second.is_leader
    clock.now += 1
    await second.step()
    assert second.is_leader and not first.is_leader
    assert api.objects[LEASE]["spec"]["leaseTransitions"] == 2


async def test_a_released_lease_is_taken_at_once(api: FakeApi, clock: Clock) -> None:
    first, second = candidate(api, clock, "a"), candidate(api, clock, "b")
    await first.step()
    await second.step()
    await first.release()
    assert not first.is_leader
    await second.step()
    assert second.is_leader


async def test_only_the_holder_releases(api: FakeApi, clock: Clock) -> None:
    first, second = candidate(api, clock, "a"), candidate(api, clock, "b")
    await first.step()
    await second.step()
    await second.release()
    assert api.objects[LEASE]["spec"]["holderIdentity"] == "a"


async def test_leadership_ends_by_itself_when_the_api_server_is_silent(api: FakeApi, clock: Clock) -> None:
    first = candidate(api, clock, "a")
    await first.step()
    api.refuse["find"] = ApiError("no answer")
    clock.now += 14
    await first.step()
    assert first.is_leader
    clock.now += 1
    await first.step()
    assert not first.is_leader


async def test_a_stuck_operator_does_not_renew(api: FakeApi, clock: Clock) -> None:
    stuck = candidate(api, clock, "a", healthy=False)
    await stuck.step()
    assert not stuck.is_leader and LEASE not in api.objects


async def test_of_two_at_once_the_slower_one_steps_back(api: FakeApi, clock: Clock) -> None:
    first = candidate(api, clock, "a")
    api.refuse["create"] = ApiError("already exists", status=409)
    await first.step()
    assert not first.is_leader
