"""Rules on both sides of lines that no fixture stands on: what is measured is built here to the last digit."""

from typing import Any

import pytest

from scalewarden.model.finding import Severity, Status
from scalewarden.model.policy import Objectives
from scalewarden.model.signal import Point
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Workload
from scalewarden.rules.kvcache import slice_memory_pressure
from scalewarden.rules.scaledown import drain_too_short, scale_down_while_warming, survivors_overcommitted
from scalewarden.rules.throughput import growing_queue, prefill_bound
from scalewarden.rules.utilization import busy_without_throughput, low_utilization_not_spare
from scalewarden.rules.utilization.oscillating_utilization import turning_points, wave
from tests.builders import AT, fleet, gpu, intent, mig, reading, replica, snapshot, steps

LIMITS = Thresholds()

# SCL506: observations, and where a grace period comes from ----------------------------------------------------------


@pytest.mark.parametrize(("seen", "status"), [(19, Status.UNKNOWN), (20, Status.FIRED), (None, Status.FIRED)])
def test_a_quantile_of_few_requests_is_none(seen: float | None, status: Status) -> None:
    told = drain_too_short.check(snapshot(service={"e2e_p99": reading("e2e_p99", 31.0, observations=seen)}))
    assert told.status is status
    assert ("too few observations" in told.message) is (status is Status.UNKNOWN)


def test_an_old_or_a_short_quantile_is_none_either() -> None:
    for how in ({"at": AT - 100}, {"over": 30.0}):
        told = drain_too_short.check(snapshot(service={"e2e_p99": reading("e2e_p99", 31.0, **how)}))
        assert told.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("workload", "known"),
    [
        (Workload(), False),
        (Workload(image="vllm"), True),
        (Workload(args=("--model", "m")), True),
        (Workload(gpu_resource="nvidia.com/gpu"), True),
    ],
)
def test_any_part_of_a_pod_template_makes_its_default_grace_known(workload: Workload, known: bool) -> None:
    told = drain_too_short.check(snapshot(workload=workload, service={"e2e_p99": 45}))
    assert told.fired is known


def test_as_long_as_the_grace_period_is_long_enough() -> None:
    assert drain_too_short.check(snapshot(service={"e2e_p99": 30.0})).status is Status.CLEAR


# SCL501: the worst of what fails is told ----------------------------------------------------------------------------


def test_a_refusal_is_told_before_a_hold_that_comes_first() -> None:
    told = survivors_overcommitted.check(snapshot(fleet(4, kv=0.55, waiting=[0.0, 20.0])))
    assert told.message.startswith("with 3 of 4 replicas 13.3 requests would wait per replica that stays")
    assert [(one.signal, str(one.unit)) for one in told.evidence[:2]] == [
        ("KVCacheUsage", "fraction"), ("WaitingPerReplica", "requests"),
    ]  # fmt: skip


def test_latency_is_told_in_seconds() -> None:
    late = {"e2e_p99": reading("e2e_p99", 40.0, observations=100)}
    told = survivors_overcommitted.check(snapshot(fleet(4), service=late, objectives=Objectives(e2e_p99=30.0)))
    assert [(one.signal, one.value, str(one.unit)) for one in told.evidence] == [("EndToEndLatency", 40.0, "s")]


# SCL504: a start that is just over ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("unready", "severity"), [(300.0, Severity.INFO), (300.1, None)])
def test_a_start_lasts_as_long_as_starts_take(unready: float, severity: Severity | None) -> None:
    pods = [*fleet(3, ready_since=AT - 9000), replica(ready=False, kv=None, unready_since=AT - unready)]
    told = scale_down_while_warming.check(snapshot(pods, intent=intent(4, 2)))
    assert (told.severity if told.fired else None) is severity


def test_a_replica_that_became_ready_this_second_has_no_age_yet() -> None:
    pods = [*fleet(3, ready_since=AT - 9000), replica(ready_since=AT)]
    (age,) = scale_down_while_warming.check(snapshot(pods, intent=intent(4, 3))).evidence
    assert (age.value, age.threshold) == (0.0, 300.0)


# KVC204: the size of a request --------------------------------------------------------------------------------------


def slice_of(**sizes: Any) -> Any:
    pods = [replica(kv=0.1, kv_tokens=1000, gpus=[mig()], **sizes)]
    return slice_memory_pressure.check(snapshot(pods))


def size(name: str, tokens: float, seen: float | None = 20) -> Any:
    return reading(name, tokens, observations=seen)


@pytest.mark.parametrize(
    ("sizes", "fired"),
    [
        ({"input_tokens": size("input_tokens", 200), "output_tokens": size("output_tokens", 100)}, True),
        ({"input_tokens": size("input_tokens", 150), "output_tokens": size("output_tokens", 100)}, False),
        ({"input_tokens": size("input_tokens", 900)}, False),
        ({"input_tokens": size("input_tokens", 900), "output_tokens": size("output_tokens", 9, 19)}, False),
        ({"input_tokens": size("input_tokens", 900, None), "output_tokens": size("output_tokens", 9)}, False),
        ({"input_tokens": size("input_tokens", 0), "output_tokens": size("output_tokens", 0)}, False),
    ],
    ids=["three fit", "four fit", "no output known", "too few answers", "nobody counted", "no size at all"],
)
def test_a_slice_is_small_by_requests_whose_both_sizes_are_known(sizes: dict[str, Any], fired: bool) -> None:
    assert slice_of(**sizes).fired is fired


def test_a_slice_without_a_profile_is_told_without_one() -> None:
    told = slice_memory_pressure.check(snapshot([replica(kv=0.9, gpus=[gpu(gpu_instance="3")])]))
    assert told.message.startswith("KV cache under pressure on 1 of 1 MIG slice: it peaked at 0.90")


# THR304: what little is read is read --------------------------------------------------------------------------------


def test_one_prompt_token_a_second_beside_none_generated_is_prefill() -> None:
    pods = fleet(1, kv=0.4, waiting=[3.0] * 41, running=[5, 6] * 20, max_num_seqs=64, gen_tps=0.0)
    nothing = fleet(1, kv=0.4, waiting=[3.0] * 41, running=[5, 6] * 20, max_num_seqs=64, gen_tps=0.0, prefill_tps=0.0)
    some = fleet(
        1,
        kv=0.4,
        waiting=[3.0] * 41,
        running=[5, 6] * 20,
        max_num_seqs=64,
        gen_tps=0.0,
        prefill_tps=0.5,
        finish_rate=1.0,
    )
    assert prefill_bound.check(snapshot(some)).fired
    assert prefill_bound.check(snapshot(nothing)).status is not Status.FIRED
    assert prefill_bound.check(snapshot(pods)).status is Status.UNKNOWN


# UTL103: what a wave is ---------------------------------------------------------------------------------------------


def values(*numbers: float, every: float = 60.0) -> tuple[Point, ...]:
    return steps(*numbers, every=every)


def turns(*numbers: float) -> list[float]:
    return [point.value for point in turning_points(values(*numbers), 0.5)]


def test_turns_are_crests_and_troughs_that_the_series_left_by_more_than_the_swing() -> None:
    assert turns(0.9, 0.3, 0.9, 0.3) == [0.9, 0.3, 0.9]
    assert turns(0.3, 0.9, 0.3) == [0.3, 0.9]
    assert turns(0.9, 0.4, 0.9) == []  # half is not more than half
    assert turns(0.5, 0.9, 0.7, 0.95, 0.2, 0.1, 0.15, 0.8) == [0.95, 0.1]
    assert turns(0.5, 0.5, 0.5) == []
    assert turns(0.9, 0.2, 0.3, 0.2, 0.1) == [0.9]
    assert turns(0.1, 0.8, 0.7, 0.85) == [0.1]


def test_a_wave_has_a_height_a_middle_and_a_period() -> None:
    least = int(LIMITS["utilizationTurns"])
    swing = [0.9 if n % 2 else 0.1 for n in range(least + 1)]
    found = wave(values(*swing, every=90.0), LIMITS)
    assert found is not None
    assert (found.height, found.middle, found.period) == (0.8, 0.5, 180.0)
    assert wave(values(*swing[:-1], every=90.0), LIMITS) is None


def test_a_wave_of_less_than_its_period_is_how_an_engine_breathes() -> None:
    line = LIMITS["utilizationPeriod"]
    swing = [0.9 if n % 2 else 0.1 for n in range(12)]
    assert wave(values(*swing, every=line / 2), LIMITS) is not None
    assert wave(values(*swing, every=line / 2 - 1), LIMITS) is None


# KVC204, THR302, UTL101: who is told of several, and what nothing is ------------------------------------------------


def test_the_fullest_of_several_slices_is_told() -> None:
    def told(*kv: float) -> str:
        return slice_memory_pressure.check(snapshot([replica(kv=one, gpus=[mig()]) for one in kv])).message

    assert "peaked at 0.97 on llama-70b-1" in told(0.85, 0.97, 0.90)
    assert "peaked at 0.60 on llama-70b-1" in told(0.20, 0.60, 0.40)


def test_a_queue_that_rose_and_is_empty_again_is_no_growing_one() -> None:
    rising = [n / 2 for n in range(41)]
    assert growing_queue.check(snapshot([replica(waiting=[0.0, *rising[1:]])])).fired
    assert not growing_queue.check(snapshot([replica(waiting=[0.0, *rising[1:-1], 0.0])])).fired


def test_a_gpu_that_does_nothing_beside_a_full_cache_is_low_and_not_spare() -> None:
    told = low_utilization_not_spare.check(snapshot(fleet(2, kv=0.9, gpus=[gpu(engine_active=0.0)])))
    assert told.fired
    assert (told.evidence[0].signal, told.evidence[0].value) == ("engine_active", 0.0)


@pytest.mark.parametrize(("other", "fired"), [(0.95, True), (0.0, False)])
def test_a_gpu_that_does_nothing_beside_a_busy_one_halves_what_is_busy(other: float, fired: bool) -> None:
    gpus = [gpu("GPU-0", engine_active=0.95), gpu("GPU-1", engine_active=other)]
    late = fleet(1, kv=0.4, running=12, itl_p95=reading("itl_p95", 0.2), gpus=gpus)
    told = busy_without_throughput.check(snapshot(late, objectives=Objectives(itl_p95=0.05)))
    assert told.fired is fired
