"""CPU of a pod: from the kubelet's counters, and from what metrics.k8s.io measured."""

from collections.abc import Mapping

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.cpu import (
    CORES,
    NO_LIMIT,
    NO_REQUEST,
    NO_THROTTLING,
    NOT_READ,
    PERIODS,
    THROTTLED,
    USAGE,
    cpu_signals,
    service_cpu,
)  # fmt: skip
from scalewarden.signals.sample import Sample, Scrape

NOW, LIMITS = 10_000.0, Thresholds()
RATIO, STOPPED = SignalName.CPU_RATIO, SignalName.CPU_THROTTLED


def rows(name: str, values: Mapping[str, float]) -> tuple[Sample, ...]:
    return tuple(
        Sample(name, {"container": container, "namespace": "a", "pod": "x"}, v) for container, v in values.items()
    )


def pages(per_second: Mapping[str, float], *, name: str = USAGE, every: float = 30.0, count: int = 11) -> list[Scrape]:
    """Counters that gain evenly up to NOW."""
    found = []
    for step in range(count):
        at = NOW - (count - 1 - step) * every
        found.append(Scrape(at, rows(name, {one: 1000 + rate * (at - 9000) for one, rate in per_second.items()})))
    return found


def read(scrapes: list[Scrape], requests: Mapping[str, float], now: float = NOW) -> dict[SignalName, Reading | Absent]:
    return cpu_signals(scrapes, requests, now, LIMITS, 600)


def test_used_of_what_was_asked_for():
    found = read(pages({"vllm": 3.0}), {"vllm": 4.0})[RATIO]
    assert isinstance(found, Reading)
    assert (found.value, found.unit, found.at, found.source) == (pytest.approx(0.75), Unit.RATIO, NOW, USAGE)
    assert found.window == 300 and len(found.series) == 10


def test_only_containers_that_ask_count():
    found = read(pages({"vllm": 3.0, "proxy": 1.0, "": 4.0, "POD": 9.0}), {"vllm": 4.0})[RATIO]
    assert isinstance(found, Reading) and found.value == pytest.approx(0.75)


def test_a_pod_that_asks_as_a_whole():
    found = read(pages({"vllm": 3.0, "proxy": 1.0, "": 4.0}), {"": 8.0})[RATIO]
    assert isinstance(found, Reading) and found.value == pytest.approx(0.5)


def test_more_than_was_asked_for():
    found = read(pages({"vllm": 6.0}), {"vllm": 4.0})[RATIO]
    assert isinstance(found, Reading) and found.value == pytest.approx(1.5)


def test_a_restarted_container_is_no_negative_use():
    series = pages({"vllm": 2.0})
    broken = [
        Scrape(one.at, rows(USAGE, {"vllm": one.samples[0].value - (1800 if n > 5 else 0)}))
        for n, one in enumerate(series)
    ]
    found = read(broken, {"vllm": 4.0})[RATIO]
    assert isinstance(found, Reading) and all(0 <= point.value < 100 for point in found.series)


def test_two_rows_of_one_container_count_once():
    doubled = [Scrape(one.at, one.samples * 2) for one in pages({"vllm": 2.0})]
    found = read(doubled, {"vllm": 4.0})[RATIO]
    assert isinstance(found, Reading) and found.value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("scrapes", "requests", "cause"),
    [
        (pages({"vllm": 1.0}), {}, NO_REQUEST),
        ([], {"vllm": 1.0}, NOT_READ),
        (pages({"other": 1.0}), {"vllm": 1.0}, Absent("fewer than two samples of its CPU time")),
        (pages({"vllm": 1.0}, count=1), {"vllm": 1.0}, Absent("fewer than two samples of its CPU time")),
        (pages({"vllm": float("nan")}), {"vllm": 1.0}, Absent("fewer than two samples of its CPU time")),
    ],
)
def test_what_cannot_be_said(scrapes: list[Scrape], requests: Mapping[str, float], cause: Absent):
    assert read(scrapes, requests)[RATIO] == cause


def test_old_rows_say_nothing_of_now():
    for name in (RATIO, STOPPED):
        found = read(pages({"vllm": 1.0}), {"vllm": 1.0}, now=NOW + 400)[name]
        assert isinstance(found, Absent) and found.cause.startswith("stale: ")


def test_a_source_that_failed_keeps_its_cause():
    gone = Absent("this cluster does not serve metrics.k8s.io: install metrics-server")
    assert set(cpu_signals(gone, {"vllm": 1.0}, NOW, LIMITS, 600).values()) == {gone}


def together(*series: list[Scrape]) -> list[Scrape]:
    return [Scrape(same[0].at, tuple(s for one in same for s in one.samples)) for same in zip(*series, strict=True)]


def test_throttled_is_the_worst_container():
    scrapes = together(
        pages({"vllm": 1.0}), pages({"vllm": 10.0, "proxy": 10.0}, name=PERIODS),
        pages({"vllm": 2.5, "proxy": 6.0}, name=THROTTLED),
    )  # fmt: skip
    found = read(scrapes, {"vllm": 4.0})[STOPPED]
    assert isinstance(found, Reading)
    assert (found.value, found.source, found.window) == (pytest.approx(0.6), THROTTLED, 300)


def test_without_a_limit_nothing_is_throttled_but_it_is_not_zero():
    assert read(pages({"vllm": 1.0}), {"vllm": 4.0})[STOPPED] == NO_LIMIT
    idle = together(pages({"vllm": 0.0}), pages({"vllm": 0.0}, name=PERIODS), pages({"vllm": 0.0}, name=THROTTLED))
    assert read(idle, {"vllm": 4.0})[STOPPED] == NO_LIMIT


def test_cores_that_were_measured_elsewhere():
    scrapes = [Scrape(NOW - 30 + 15 * n, rows(CORES, {"vllm": 1.0 + n, "proxy": 7.0})) for n in range(3)]
    found = read(scrapes, {"vllm": 4.0})
    ratio = found[RATIO]
    assert isinstance(ratio, Reading)
    assert (ratio.value, ratio.source, [point.value for point in ratio.series]) == (0.75, CORES, [0.25, 0.5, 0.75])
    assert found[STOPPED] == NO_THROTTLING


def test_the_service_is_the_mean_of_its_replicas():
    half = read(pages({"vllm": 2.0}), {"vllm": 4.0})
    full = read(pages({"vllm": 4.0}), {"vllm": 4.0})
    found = service_cpu([half, full])[RATIO]
    assert isinstance(found, Reading) and found.value == pytest.approx(0.75)
    assert service_cpu([half, {RATIO: NOT_READ}])[RATIO] == Absent("not measured on every ready replica")
    assert service_cpu([{}])[RATIO] == NOT_READ
    assert service_cpu([])[RATIO] == Absent("no replica is ready")


def test_counters_that_ended_long_ago_are_stale():
    found = read(pages({"vllm": 3.0}), {"vllm": 4.0}, now=NOW + 301)[RATIO]
    assert isinstance(found, Absent) and found.cause.startswith("stale: ")


def test_a_container_that_took_the_place_of_another_says_nothing_of_it():
    first, second = pages({"old": 3.0}, count=2)[0], pages({"vllm": 3.0}, count=2)[1]
    found = read([first, second], {"vllm": 4.0})[RATIO]
    assert isinstance(found, Absent) and "fewer than two samples" in found.cause


def test_measured_cores_of_nobody_that_counts():
    found = read([Scrape(NOW, rows(CORES, {"": 1.0}))], {"vllm": 4.0})[RATIO]
    assert isinstance(found, Absent)


def test_a_container_that_fell_silent_ages_what_is_said_of_the_pod():
    """Its page is fresh, its own row is not: half of a pod is not the pod."""
    silent = pages({"vllm": 3.0, "proxy": 1.0})[:2] + pages({"vllm": 3.0})[2:]
    asked = {"vllm": 4.0, "proxy": 4.0}
    assert isinstance(read(silent, asked, now=NOW + 29)[RATIO], Reading)
    found = read(silent, asked, now=NOW + 30)[RATIO]
    assert isinstance(found, Absent) and found.cause.startswith("stale: ")
