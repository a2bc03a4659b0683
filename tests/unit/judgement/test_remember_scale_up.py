"""A scale-up is written down as it happens, and judged by what was true before it."""

from dataclasses import replace

from scalewarden.judgement.remember_scale_up import most_ready, scale_up
from scalewarden.model.signal import Absent, SignalName
from scalewarden.model.snapshot import History, ScaleUp, Snapshot
from scalewarden.model.workload import Replica
from tests import builders as build
from tests.builders import AT, fleet, reading, replica, snapshot


def busy(count: int, tokens: float = 250.0, waiting: float = 0.0) -> tuple[Replica, ...]:
    return fleet(count, gen_tps=tokens, waiting=waiting)


def before(*ready: Replica, **more: object) -> History:
    return History(since=AT - 3600, last_ready=ready, most_ready=len(ready), **more)  # type: ignore[arg-type]


def at(seconds: float, *ready: Replica, desired: int | None = None) -> Snapshot:
    return replace(snapshot(ready, desired=desired), at=AT + seconds)


def test_more_ready_replicas_than_ever_are_a_scale_up() -> None:
    found = scale_up(at(10, *busy(4)), before(*busy(2)))
    assert found == ScaleUp(AT + 10, 2, 4, 500.0, 0.0)


def test_the_longest_queue_before_it_counts_with_the_gateway() -> None:
    told = before(replica(gen_tps=100, waiting=[0, 7, 0]), *busy(1))
    assert scale_up(at(10, *busy(3)), told).waiting_before == 7.0  # type: ignore[union-attr]
    gateway = {SignalName.GATEWAY_WAITING: reading("gateway_waiting", 9)}
    queued = replace(at(10, *busy(3)), signals=gateway)
    assert scale_up(queued, told).waiting_before == 9.0  # type: ignore[union-attr]


def test_what_was_not_measured_before_is_not_known() -> None:
    told = before(replica(gen_tps=None, waiting=Absent("no page")), *busy(1))
    found = scale_up(at(10, *busy(3)), told)
    assert found is not None and (found.tokens_before, found.waiting_before) == (None, None)


def test_a_scale_up_that_goes_on_is_one() -> None:
    known = ScaleUp(AT, 2, 3, 500.0, 0.0)
    found = scale_up(at(120, *busy(4)), before(*busy(3), scale_up=known))
    assert found == ScaleUp(AT + 120, 2, 4, 500.0, 0.0)
    assert scale_up(at(299, *busy(4)), before(*busy(3), scale_up=known)).from_ == 2  # type: ignore[union-attr]
    assert scale_up(at(300, *busy(4)), before(*busy(3), scale_up=known)).from_ == 3  # type: ignore[union-attr]
    later = scale_up(at(301, *busy(4)), before(*busy(3), scale_up=known))
    assert later == ScaleUp(AT + 301, 3, 4, 750.0, 0.0)


def test_a_decrease_or_an_hour_ends_it() -> None:
    known = ScaleUp(AT, 2, 4, 500.0, 0.0)
    told = before(*busy(4), scale_up=known)
    assert scale_up(at(3599, *busy(4)), told) == known
    assert scale_up(at(3600, *busy(4)), told) is None
    assert scale_up(at(60, *busy(3), desired=3), told) is None


def test_a_replica_that_only_comes_back_was_not_added() -> None:
    four, three = busy(4), busy(3)
    fallen = at(0, *three, desired=4)
    assert most_ready(fallen, before(*four)) == 4
    told = History(since=AT, last_ready=three, most_ready=4)
    assert scale_up(at(15, *four), told) is None


def test_the_surge_of_a_rollout_is_no_scale_up() -> None:
    assert scale_up(at(0, *busy(5), desired=4), before(*busy(4))) is None


def test_a_new_operator_has_seen_nothing_grow() -> None:
    assert scale_up(at(0, *busy(4)), History(since=AT)) is None
    assert most_ready(at(0, *busy(4)), History(since=AT)) == 4
    assert scale_up(at(0, *busy(2)), History(since=AT, most_ready=0)) is None
    assert most_ready(at(0, desired=2), History(since=AT, most_ready=0)) == 0
    assert build.AT == AT
