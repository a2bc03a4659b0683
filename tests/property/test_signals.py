"""What must hold of signals for any pages: no order matters, nothing missing is zero, no unit is mixed up."""

import math
from collections.abc import Sequence
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.signal import Absent, Reading, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.counters import increase
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines.vllm import TABLE
from scalewarden.signals.gpus.dcgm import NAMES as DCGM_NAMES
from scalewarden.signals.gpus.devices import Reader, pod_signals
from scalewarden.signals.gpus.pages import Holder, exported
from scalewarden.signals.histograms import Observed, merged, quantile
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Sample, Scrape

AT = 1_766_370_000.0
BUCKETS = ("0.05", "0.5", "5.0", "+Inf")
HISTOGRAMS = ("vllm:time_to_first_token_seconds", "vllm:inter_token_latency_seconds", "vllm:request_prompt_tokens",
              "vllm:e2e_request_latency_seconds", "vllm:request_queue_time_seconds")  # fmt: skip
COUNTERS = ("vllm:generation_tokens_total", "vllm:num_preemptions_total", "vllm:request_success_total",
            "vllm:prompt_tokens_total", "vllm:prefix_cache_queries_total")  # fmt: skip
GAUGES = ("vllm:num_requests_running", "vllm:num_requests_waiting")


def derived(scrapes: Sequence[Scrape]) -> dict[SignalName, Reading | Absent]:
    return replica_signals(scrapes, Engine.VLLM, AT, Thresholds(), 600)


def busy_page(index: int, pages: int, engines: int, kv: float) -> Scrape:
    """A page on which everything is above zero and every counter moved since the page before."""
    samples = [Sample("vllm:cache_config_info", {"kv_cache_size_tokens": "8192"}, 1.0)]
    for engine in range(engines):
        labels = {"engine": str(engine), "model_name": "m"}
        samples += [Sample("vllm:kv_cache_usage_perc", labels, kv)]
        samples += [Sample(name, labels, 3.0 + engine) for name in GAUGES]
        samples += [Sample(name, labels, 100.0 * (index + 1)) for name in COUNTERS]
        samples += [Sample("vllm:prefix_cache_hits_total", labels, 40.0 * (index + 1))]
        for name in HISTOGRAMS:
            counts = [30.0 * (index + 1) * share for share in (0.25, 0.5, 1, 1)]
            samples += [
                Sample(f"{name}_bucket", {**labels, "le": bound}, count)
                for bound, count in zip(BUCKETS, counts, strict=True)
            ]
            samples += [Sample(f"{name}_sum", labels, 9.0 * (index + 1)), Sample(f"{name}_count", labels, counts[-1])]
    return Scrape(AT - 15.0 * (pages - 1 - index), tuple(samples))


@st.composite
def windows(draw: st.DrawFn) -> list[Scrape]:
    pages, engines = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    return [busy_page(index, pages, engines, draw(st.floats(0.01, 1))) for index in range(pages)]


@given(windows(), st.randoms(use_true_random=False))
def test_order_and_repeats_do_not_matter(scrapes: list[Scrape], random: "object"):
    shuffled = []
    for scrape in scrapes:
        samples = [Sample(s.name, dict(_shuffled(s.labels.items(), random)), s.value) for s in scrape.samples]
        shuffled.append(Scrape(scrape.at, tuple(_shuffled(samples, random))))
    again = _shuffled(shuffled + shuffled[: len(shuffled) // 2 + 1], random)
    for name, signal in derived(scrapes).items():
        assert_same(signal, derived(again)[name])


def _shuffled(items, random):
    some = list(items)
    random.shuffle(some)
    return some


def assert_same(one: Reading | Absent, other: Reading | Absent) -> None:
    """Equal, but for the last digit of a sum in another order."""
    if isinstance(one, Absent) or isinstance(other, Absent):
        assert one == other
        return
    assert math.isclose(one.value, other.value, rel_tol=1e-12)
    assert (one.at, one.source, one.unit, len(one.series)) == (other.at, other.source, other.unit, len(other.series))


@given(windows(), st.data())
def test_nothing_missing_is_ever_zero(scrapes: list[Scrape], data: st.DataObject):
    """On pages where everything is above zero, a reading of zero could only come from what is not there."""
    kept = []
    for scrape in scrapes:
        names = sorted({sample.name.removesuffix("_bucket") for sample in scrape.samples})
        gone = data.draw(st.sets(st.sampled_from([*names, "0", "1", "2"])))
        left = (s for s in scrape.samples if not {s.name.removesuffix("_bucket"), s.labels.get("engine")} & gone)
        kept.append(Scrape(scrape.at, tuple(left)))
    for name, signal in derived(kept).items():
        # What was computed is prompt tokens less hits: with the pages of one of them lost, nothing may be left.
        if isinstance(signal, Reading) and name is not SignalName.PREFILL_TPS:
            assert signal.value > 0, name


@given(windows(), st.sampled_from([row.signal for row in TABLE.rows]))
def test_a_signal_without_its_series_is_absent(scrapes: list[Scrape], name: SignalName):
    row = TABLE.row(name)
    assert row is not None
    gone = {series.name for series in row.spellings}
    left = [
        Scrape(scrape.at, tuple(s for s in scrape.samples if not any(s.name.startswith(one) for one in gone)))
        for scrape in scrapes
    ]
    assert isinstance(derived(left)[name], Absent)


values = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=4))
def test_a_fraction_is_a_fraction_whatever_an_engine_writes(pairs: list[tuple[float, float]]):
    scrapes = [
        Scrape(AT - 15 * index, (
            Sample("vllm:kv_cache_usage_perc", {}, kv),
            Sample("vllm:prefix_cache_hits_total", {}, hits),
            Sample("vllm:prefix_cache_queries_total", {}, 10.0),
        ))
        for index, (kv, hits) in enumerate(pairs)
    ]  # fmt: skip
    assert_fractions(derived(scrapes).values())


@given(st.dictionaries(st.sampled_from(sorted(DCGM_NAMES)), values), st.booleans(), st.booleans())
def test_a_fraction_is_a_fraction_whatever_an_exporter_writes(page: dict[str, float], sliced: bool, newer: bool):
    labels = {"UUID": "GPU-a", "namespace": "n", "pod": "p"}
    labels |= {"GPU_I_ID": "9"} if sliced else {}
    labels |= {"DCGM_FI_SYSTEM_DRIVER_VERSION": "600"} if newer else {}
    scrape = Scrape(AT, tuple(Sample(name, labels, value) for name, value in page.items()))
    gpus = Reader(exported([Pages((scrape,))]), AT, Thresholds()).gpus(Holder("n", "p"))
    for gpu in gpus:
        assert_fractions(gpu.signals.values())
        if sliced:
            assert gpu.signal(SignalName.KERNEL_UTILIZATION) == Absent("not measured under MIG")
    assert_fractions(pod_signals(gpus).values())


def assert_fractions(signals) -> None:
    for signal in signals:
        if isinstance(signal, Reading) and signal.unit is Unit.FRACTION:
            assert 0 <= signal.value <= 1 + 1e-6
            assert all(0 <= point.value <= 1 + 1e-6 for point in signal.series)


gains = st.lists(st.integers(0, 1000), min_size=1, max_size=20)


@given(gains, st.integers(0, 10_000))
def test_a_counter_gains_what_it_gained(some: list[int], start: int):
    totals = accumulate(some, initial=start)
    pages = Pages(tuple(Scrape(float(index), (Sample("c", {}, float(n)),)) for index, n in enumerate(totals)))
    found = increase(pages, ("c",))
    assert found is not None
    assert found.total == sum(some)
    assert math.isclose(found.rate * found.seconds, found.total)


@given(gains, gains, st.integers(1, 10_000))
def test_a_restart_loses_nothing_that_was_seen(before: list[int], after: list[int], start: int):
    """The counter of the new process counts from zero; where it overtook the old one only the start tells."""
    first, second = list(accumulate(before, initial=start)), list(accumulate(after))
    scrapes = tuple(Scrape(float(i), (Sample("c", {}, float(n)),)) for i, n in enumerate([*first, *second]))
    found = increase(Pages(scrapes, restarted_at=len(first) - 0.5), ("c",))
    assert found is not None
    assert found.total == sum(before) + second[-1]


counts = st.lists(st.integers(0, 50), min_size=4, max_size=4)


def seen(some: list[int]) -> Observed:
    cumulative = list(accumulate(some))
    buckets = {float(bound): float(n) for bound, n in zip(BUCKETS, cumulative, strict=True)}
    return Observed("h", float(cumulative[-1]), 0.0, buckets, AT, 300.0)


@given(st.lists(counts, min_size=1, max_size=4), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_quantiles_rise_and_stay_between_those_of_the_parts(parts: list[list[int]], q: float, other: float):
    together = merged(seen(part) for part in parts)
    assert together is not None
    low, high = (quantile(together, one) for one in sorted((q, other)))
    if low is None or high is None:
        assert together.count == 0
        return
    assert low <= high + 1e-9
    of_parts = [value for part in parts if (value := quantile(seen(part), q)) is not None]
    value = quantile(together, q)
    assert value is not None
    assert _bucket(min(of_parts)) <= _bucket(value) <= _bucket(max(of_parts))


def _bucket(value: float) -> int:
    """Which bucket a value is in: within one, interpolation may order pods either way."""
    return sum(value > float(bound) + 1e-9 for bound in BUCKETS)
