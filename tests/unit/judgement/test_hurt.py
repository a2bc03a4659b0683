"""What a removal did: each sign by itself, on its line and just beside it."""

from dataclasses import replace

import pytest

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.hurt import arrivals, grew, hurt, in_flight, peak, seen_well
from scalewarden.model.policy import Policy
from scalewarden.model.regret import Removal
from scalewarden.model.signal import Absent, Point, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from tests.builders import AT, fleet, replica, snapshot

SINCE = AT - 300.0


def judge(*pods: Replica) -> Judge:
    return Judge(snapshot(pods), (), Policy())


def points(*values: tuple[float, float]) -> list[Point]:
    return [Point(SINCE + after, value) for after, value in values]


def test_two_samples_in_a_row_on_the_line_hurt() -> None:
    assert "KV cache of llama-70b-0 was over 0.80" in hurt(
        judge(replica(kv=points((60, 0.8), (75, 0.8), (90, 0.1)))), SINCE
    )
    assert hurt(judge(replica(kv=points((60, 0.8), (75, 0.79), (90, 0.8)))), SINCE) == ""


def test_the_first_half_minute_does_not_count_its_end_does() -> None:
    early = replica(kv=points((-60, 0.9), (0, 0.9), (29, 0.9), (30, 0.2), (60, 0.2)))
    assert hurt(judge(early), SINCE) == "" and peak(judge(early), SINCE) == 0.2
    assert hurt(judge(replica(kv=points((30, 0.9), (45, 0.9), (60, 0.2)))), SINCE) != ""


def test_a_counter_that_stands_still_is_no_preemption() -> None:
    assert hurt(judge(replica(preemptions=points((60, 7), (90, 7)))), SINCE) == ""
    assert hurt(judge(replica(preemptions=points((60, 7), (90, 8)))), SINCE) == "llama-70b-0 preempted requests"


def test_everything_in_flight_or_nothing_known() -> None:
    assert in_flight(snapshot([replica(running=3, waiting=2), replica(running=1, waiting=0)])) == 6
    assert in_flight(snapshot([replica(running=3, waiting=2), replica(running=None)])) is None
    assert in_flight(snapshot()) is None


def test_arrivals_are_what_ended() -> None:
    assert arrivals(snapshot(service={"finish_rate": 2.5})) == 2.5
    assert arrivals(snapshot()) is None


def test_only_a_fleet_that_is_fresh_is_seen_well() -> None:
    assert seen_well(judge(*fleet(2))) and not seen_well(judge())
    assert not seen_well(judge(replica(), replica(age=120)))


def removal(**more: object) -> Removal:
    known = Removal(AT - 100, 4, 3, True, 0.6, 2.0, 10.0)
    return replace(known, **more)  # type: ignore[arg-type]


def service(rate: float | None, running: float | Absent) -> Snapshot:
    return snapshot([replica(running=running)], service={} if rate is None else {"finish_rate": rate})


@pytest.mark.parametrize(
    ("now", "known", "more"),
    [
        (service(2.4, 10), removal(), False),  # on the line of a fifth more
        (service(2.41, 10), removal(), True),
        (service(2.0, 50), removal(), False),  # 40 piled up in 100 s: 0.4/s, just the line
        (service(2.0, 51), removal(), True),
        (service(2.41, 51), removal(in_flight=None), True),
        (service(2.0, 51), removal(in_flight=None), False),
        (service(2.0, Absent("no page")), removal(), False),
        (service(None, 51), removal(), False),
        (service(9.0, 51), removal(arrivals=None), False),
        (service(9.0, 51), removal(at=AT), False),
    ],
)
def test_arrivals_grew(now: Snapshot, known: Removal, more: bool) -> None:
    assert grew(now, known) is more


def test_a_signal_of_the_service_is_what_arrivals_rest_on() -> None:
    assert SignalName.FINISH_RATE in service(2.0, 1).signals
