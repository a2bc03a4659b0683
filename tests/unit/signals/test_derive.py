"""From scrapes to signals: windows, ages, and a cause for everything that cannot be said."""

import re
from dataclasses import replace

import pytest

from scalewarden.model.signal import Absent, Point, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.derive import derive, replica_signals
from scalewarden.signals.engines.vllm import TABLE
from tests.unit.signals.pages import NOW, cause, every, scrape, signals, value

KV, RUNNING, GEN = "vllm:kv_cache_usage_perc", "vllm:num_requests_running", "vllm:generation_tokens_total"


def ttft(count: float, slow: float = 0.0) -> tuple[str, ...]:
    """A TTFT histogram with `count` observations below 0.1 s and `slow` below 1 s."""
    name = "vllm:time_to_first_token_seconds"
    rows = (("0.1", count), ("1.0", count + slow), ("+Inf", count + slow))
    buckets = (f'{name}_bucket{{le="{bound}"}} {value}' for bound, value in rows)
    return (*buckets, f"{name}_sum {count * 0.05 + slow * 0.5}", f"{name}_count {count + slow}")


def test_a_gauge_speaks_with_its_newest_sample_and_carries_its_window():
    found = signals(every(15, ([f"{KV} {kv}"] for kv in (0.9, 0.5, 0.4))))[SignalName.KV_USAGE]
    assert isinstance(found, Reading)
    assert (found.value, found.at, found.window, found.source) == (0.4, NOW, 30.0, KV)
    assert found.series == (Point(NOW - 30, 0.9), Point(NOW - 15, 0.5), Point(NOW, 0.4))


def test_the_window_ends_at_the_newest_sample():
    pages = [scrape(-700, f"{KV} 0.99"), scrape(-590, f"{KV} 0.5"), scrape(-5, f"{KV} 0.1")]
    found = signals(pages)[SignalName.KV_USAGE]
    assert isinstance(found, Reading)
    assert [point.value for point in found.series] == [0.5, 0.1]


def test_a_scrape_after_now_is_not_read():
    pages = [scrape(-15, f"{KV} 0.5"), scrape(0, f"{KV} 0.9")]
    assert value(signals(pages, now=-10)[SignalName.KV_USAGE]) == 0.5


def test_the_effective_batch_is_the_95th_percentile_of_running():
    found = signals(every(15, ([f"{RUNNING} {n}"] for n in range(21))))
    assert value(found[SignalName.EFF_BATCH]) == pytest.approx(19)
    assert value(found[SignalName.RUNNING]) == 20


def test_throughput_is_of_the_last_two_minutes_with_the_whole_window_as_series():
    tokens = [0, 60_000, 60_000, 60_600, 61_200]
    found = signals(every(60, ([f"{GEN} {n}"] for n in tokens)))[SignalName.GEN_TPS]
    assert isinstance(found, Reading)
    assert (found.value, found.window) == (10.0, 120.0)
    assert [point.value for point in found.series] == [1000.0, 0.0, 10.0, 10.0]


def test_preemptions_count_up_from_the_start_of_the_window():
    pages = every(15, ([f"vllm:num_preemptions_total {n}"] for n in (40, 40, 43, 1)))
    found = signals(pages)[SignalName.PREEMPTIONS]
    assert isinstance(found, Reading)
    assert found.value == 4
    assert [point.value for point in found.series] == [0, 0, 3, 4]


def test_a_restart_that_overtook_the_counter_is_seen():
    pages = every(15, ([f"{GEN} {n}"] for n in (100, 200)))
    assert value(signals(pages, restarted_at=-5)[SignalName.GEN_TPS]) == pytest.approx(200 / 15)


def test_one_scrape_gives_gauges_and_no_rates():
    found = signals([scrape(0, f"{KV} 0.5", f"{GEN} 100", "vllm:num_preemptions_total 9", *ttft(50))])
    assert value(found[SignalName.KV_USAGE]) == 0.5
    for name in (SignalName.GEN_TPS, SignalName.PREEMPTIONS, SignalName.TTFT_P95):
        assert cause(found[name]) == "only one scrape: a rate needs two"


def test_a_quantile_rests_on_what_came_within_five_minutes():
    pages = [scrape(-400, *ttft(0)), scrape(-290, *ttft(0, 500)), scrape(0, *ttft(100, 500))]
    found = signals(pages)[SignalName.TTFT_P95]
    assert isinstance(found, Reading)
    assert found.value == pytest.approx(0.095)
    assert (found.observations, found.window) == (100, 290.0)


def test_too_few_observations_are_absent_without_a_live_number():
    for count in (0, 19):
        found = signals(every(60, [ttft(1000), ttft(1000 + count)]))[SignalName.TTFT_P95]
        assert cause(found) == "not enough traffic: fewer than 20 observations in 5 min"
    assert value(signals(every(60, [ttft(1000), ttft(1020)]))[SignalName.TTFT_P95]) > 0


def test_request_sizes_say_how_many_finishes_stand_behind_them():
    name = "vllm:request_prompt_tokens"
    rows = [(f'{name}_bucket{{le="+Inf"}} {n}', f"{name}_sum {n * 300}", f"{name}_count {n}") for n in (10, 13)]
    found = signals(every(60, rows))[SignalName.INPUT_TOKENS]
    assert isinstance(found, Reading)
    assert (found.value, found.observations) == (300, 3)


def test_a_mean_of_nothing_is_absent():
    name = "vllm:request_queue_time_seconds"
    rows = [(f'{name}_bucket{{le="+Inf"}} 5', f"{name}_sum 1", f"{name}_count 5")] * 2
    assert cause(signals(every(60, rows))[SignalName.QUEUE_MEAN]) == "not enough traffic: no observation in 5 min"


def test_inter_token_latency_between_scrapes_meets_running_at_the_same_instants():
    name = "vllm:inter_token_latency_seconds"
    counts = [(0, 0.0), (100, 2.0), (100, 2.0), (300, 12.0)]
    rows = [
        (f'{name}_bucket{{le="+Inf"}} {n}', f"{name}_sum {total}", f"{name}_count {n}", f"{RUNNING} 4")
        for n, total in counts
    ]
    found = signals(every(15, rows))
    itl, running = found[SignalName.ITL_MEAN], found[SignalName.RUNNING]
    assert isinstance(itl, Reading)
    assert isinstance(running, Reading)
    assert itl.series == (Point(NOW - 30, 0.02), Point(NOW, 0.05))  # no token, no point
    assert {point.at for point in itl.series} < {point.at for point in running.series}


@pytest.mark.parametrize(("age", "known"), [(299.0, True), (300.0, False), (4000.0, False)])
def test_old_samples_are_absent(age: float, known: bool):
    found = signals([scrape(-age, f"{KV} 0.5")])[SignalName.KV_USAGE]
    assert isinstance(found, Reading) is known
    if not known:
        assert cause(found) == "stale: its newest sample is older than 300 s"


def test_an_age_is_that_of_the_newest_page_that_had_the_series():
    pages = [scrape(-90, f"{KV} 0.5", f"{RUNNING} 1"), scrape(0, f"{RUNNING} 1")]
    found = signals(pages)[SignalName.KV_USAGE]
    assert isinstance(found, Reading)
    assert found.at == NOW - 90


def test_a_series_that_left_the_page_long_ago_is_absent():
    pages = [scrape(-320, f"{KV} 0.5", f"{RUNNING} 1"), scrape(0, f"{RUNNING} 1")]
    found = signals(pages)
    assert cause(found[SignalName.KV_USAGE]).startswith("stale")
    assert value(found[SignalName.RUNNING]) == 1


def test_what_an_engine_never_exports_is_absent_for_good(monkeypatch: pytest.MonkeyPatch):
    table = replace(TABLE, engine=Engine.TGI, rows=tuple(r for r in TABLE.rows if r.signal is not SignalName.KV_USAGE))
    monkeypatch.setattr("scalewarden.signals.derive.TABLES", {Engine.TGI: table})
    found = replica_signals([scrape(0, f"{KV} 0.5")], Engine.TGI, NOW, Thresholds(), 600)
    assert found[SignalName.KV_USAGE] == Absent("TGI does not export it", for_good=True)


@pytest.mark.parametrize("written", ["NaN", "+Inf", "-1", "93"])
def test_what_is_no_fraction_is_no_kv_usage(written: str):
    found = signals([scrape(0, f"{KV} {written}")])[SignalName.KV_USAGE]
    assert cause(found) == (
        "no usable value of vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc: NaN, or outside its unit"
    )


def test_half_of_the_engines_is_no_sum():
    page = scrape(0, f'{RUNNING}{{engine="0"}} 4', f'{RUNNING}{{engine="1"}} NaN')
    assert isinstance(signals([page])[SignalName.RUNNING], Absent)


def test_the_source_says_why_a_pod_gave_nothing():
    refused = Absent("the connection was refused")
    found = replica_signals(refused, Engine.VLLM, NOW, Thresholds(), 600)
    assert set(found) == set(UNITS)
    assert set(found.values()) == {refused}


def test_no_scrape_at_all():
    assert cause(signals([])[SignalName.WAITING]) == "no scrape of its metrics page"


def test_a_page_without_the_engine_names_the_switch_that_hides_it():
    found = signals([scrape(0, "DCGM_FI_DEV_GPU_UTIL 3")])[SignalName.KV_USAGE]
    assert cause(found) == "no `vllm:` series on its metrics page: `--disable-log-stats` removes them"


def test_an_unknown_engine_is_looked_for_on_the_page():
    page = scrape(0, f"{KV} 0.5")
    for engine in (Engine.AUTO, Engine.UNKNOWN):
        assert value(replica_signals([page], engine, NOW, Thresholds(), 600)[SignalName.KV_USAGE]) == 0.5
    strange = replica_signals([scrape(0)], Engine.AUTO, NOW, Thresholds(), 600)[SignalName.KV_USAGE]
    assert cause(strange).startswith("no engine's series on its metrics page (looked for `vllm:`, `sglang:`, `tgi_`,")


def test_causes_do_not_change_with_the_numbers():
    for pages in ([], [scrape(0)], [scrape(-900, f"{KV} 0.5")], every(60, [ttft(1000), ttft(1007)])):
        causes = {signal.cause for signal in signals(pages).values() if isinstance(signal, Absent)}
        assert not [one for one in causes if re.search(r"\b(7|900|1007)\b", one)]


def test_the_engines_of_a_pod_are_counted() -> None:
    both = scrape(0, f'{RUNNING}{{engine="0"}} 4', f'{RUNNING}{{engine="1"}} 9')
    assert derive([both], Engine.VLLM, both.at, Thresholds(), 600).engines == 2
    one = scrape(0, f"{RUNNING} 4")
    assert derive([one], Engine.VLLM, one.at, Thresholds(), 600).engines == 1
    ranks = scrape(0, 'sglang:num_running_reqs{dp_rank="0"} 4', 'sglang:num_running_reqs{dp_rank="1"} 1')
    assert derive([ranks], Engine.SGLANG, ranks.at, Thresholds(), 600).engines == 2


def test_without_a_page_and_without_a_hint_there_is_no_engine():
    found = derive([], Engine.AUTO, NOW, Thresholds(), 600)
    assert all(isinstance(signal, Absent) for signal in found.signals.values())
    assert cause(found.signals[SignalName.RUNNING]) == "no scrape of its metrics page"


def test_blocks_in_use_of_an_unknown_number_are_no_share():
    used = scrape(0, 'nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="m",version="1"} 40')
    found = derive([used], Engine.TRITON, NOW, Thresholds(), 600).signals[SignalName.KV_USAGE]
    assert isinstance(found, Absent)


def test_a_part_that_is_no_number_makes_the_whole_none():
    """SGLang's queues are added up: one that cannot be read is not an empty one."""
    total = 'sglang:num_queue_reqs{priority=""} 4'
    inflight = 'sglang:num_prefill_inflight_queue_reqs{priority=""}'

    def waiting(*lines: str):
        found = replica_signals([scrape(0, *lines)], Engine.SGLANG, NOW, Thresholds(), 600, None)
        return found[SignalName.WAITING]

    assert value(waiting(total)) == 4
    assert value(waiting(total, f"{inflight} 3")) == 7
    for written in ("NaN", "1e200"):
        assert isinstance(waiting(total, f"{inflight} {written}"), Absent)
