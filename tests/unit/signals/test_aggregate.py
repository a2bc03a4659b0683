"""Pods → service: sums that are whole or absent, quantiles over summed buckets."""

from collections.abc import Sequence

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.aggregate import service_signals
from scalewarden.signals.derive import Derived, derive
from scalewarden.signals.sample import Scrape
from tests.unit.signals.pages import NOW, cause, every, scrape, value


def pod(scrapes: Sequence[Scrape] | Absent) -> Derived:
    return derive(scrapes, Engine.VLLM, NOW, Thresholds(), 600)


def service(*pods: Derived):
    return service_signals(pods, Thresholds())


def latency(fast: int, slow: int) -> list[Scrape]:
    """A pod that saw so many first tokens below 0.1 s and below 10 s within the last minute."""
    name = "vllm:time_to_first_token_seconds"

    def page(below: int, count: int) -> tuple[str, ...]:
        rows = (("0.1", below), ("10", count), ("+Inf", count))
        return (
            *(f'{name}_bucket{{le="{bound}"}} {n}' for bound, n in rows),
            f"{name}_sum 1",
            f"{name}_count {count}",
        )

    return every(60, [page(500, 500), page(500 + fast, 500 + fast + slow)])


def test_a_quantile_is_taken_over_all_pods_at_once():
    found = service(pod(latency(190, 0)), pod(latency(0, 10)))[SignalName.TTFT_P95]
    assert isinstance(found, Reading)
    assert found.value == pytest.approx(0.1)  # the mean of the pods' quantiles would say five seconds
    assert found.observations == 200


def test_pods_with_little_traffic_make_enough_together():
    few = pod(latency(12, 0))
    assert isinstance(few.signals[SignalName.TTFT_P95], Absent)
    assert isinstance(service(few, few)[SignalName.TTFT_P95], Reading)
    assert "fewer than 20" in cause(service(few)[SignalName.TTFT_P95])


def test_latency_rests_on_the_pods_that_are_seen():
    found = service(pod(latency(100, 0)), pod(Absent("the connection was refused")))
    assert value(found[SignalName.TTFT_P95]) < 0.1


def test_throughput_is_summed_with_its_series():
    pages = every(60, ([f"vllm:generation_tokens_total {n}"] for n in (0, 600, 1800)))
    found = service(pod(pages), pod(pages))[SignalName.GEN_TPS]
    assert isinstance(found, Reading)
    assert found.value == 30
    assert [point.value for point in found.series] == [20, 40]


def test_a_sum_without_one_pod_is_no_sum():
    pages = every(60, ([f"vllm:num_requests_waiting {n}"] for n in (1, 2)))
    found = service(pod(pages), pod(Absent("the connection was refused")))
    assert cause(found[SignalName.WAITING]) == "not measured on every ready replica"
    assert cause(service(pod(Absent("down")))[SignalName.WAITING]) == "down"
    assert cause(service()[SignalName.WAITING]) == "no replica is ready"


def test_hits_are_weighed_by_lookups():
    def looked_up(queries: int, hits: int) -> Derived:
        names = ("vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total")
        return pod(every(60, [[f"{names[0]} 0", f"{names[1]} 0"], [f"{names[0]} {queries}", f"{names[1]} {hits}"]]))

    assert value(service(looked_up(900, 0), looked_up(100, 100))[SignalName.PREFIX_HIT]) == 0.1
    assert "nothing was looked up" in cause(service(looked_up(0, 0))[SignalName.PREFIX_HIT])


def test_a_pod_that_fell_silent_long_ago_counts_no_longer():
    name = "vllm:time_to_first_token_seconds"
    old = [scrape(at, f'{name}_bucket{{le="+Inf"}} {at}', f"{name}_sum 1", f"{name}_count 1") for at in (-500, -400)]
    assert cause(service(pod(old))[SignalName.TTFT_P95]).startswith("stale")


def told(value: float, observations: float | None = None, at: float = NOW) -> Derived:
    """A pod whose engine only tells a quantile and a mean."""
    p95 = Reading(value, Unit.SECONDS, at, "p95", observations=observations)
    mean = Reading(value, Unit.SECONDS, at, "mean", observations=observations)
    return Derived({SignalName.TTFT_P95: p95, SignalName.QUEUE_MEAN: mean})


def test_of_quantiles_that_are_only_told_the_worst_speaks():
    found = service_signals([told(0.2), told(0.9, at=NOW - 30), told(0.4)], Thresholds())[SignalName.TTFT_P95]
    assert isinstance(found, Reading) and (found.value, found.at, found.series) == (0.9, NOW - 30, ())


def test_means_that_are_only_told_are_weighed_by_what_stands_behind_them():
    name = SignalName.QUEUE_MEAN
    weighed = service_signals([told(0.2, 30), told(0.8, 10)], Thresholds())[name]
    plain = service_signals([told(0.2, 30), told(0.8)], Thresholds())[name]
    assert isinstance(weighed, Reading) and isinstance(plain, Reading)
    assert (weighed.value, plain.value) == (pytest.approx(0.35), pytest.approx(0.5))


def test_without_any_the_cause_is_a_pods_or_that_there_is_none():
    silent = Derived({SignalName.TTFT_P95: Absent("not exported")})
    assert service_signals([silent], Thresholds())[SignalName.TTFT_P95] == Absent("not exported")
    assert service_signals([], Thresholds())[SignalName.TTFT_P95] == Absent("no replica is ready")
