"""vLLM's table: every rename, data-parallel engines, process labels, sizes that stand in labels."""

import pytest

from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.workload import Engine, Workload
from scalewarden.signals.engines import detect_in_template, detect_on_page
from scalewarden.signals.engines.vllm import TABLE
from tests.unit.signals.pages import cause, every, scrape, signals, value

V1 = 'engine="0",model_name="m"'


def rates(*names_and_values: tuple[str, float, float]) -> list[tuple[str, ...]]:
    """Two pages: each series with its earlier and later value."""
    return [tuple(f"{name} {pair[index]}" for name, *pair in names_and_values) for index in (0, 1)]


@pytest.mark.parametrize("name", ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"])
def test_kv_usage_under_its_new_and_its_old_name(name: str):
    found = signals([scrape(0, f"{name}{{{V1}}} 0.91")])[SignalName.KV_USAGE]
    assert isinstance(found, Reading)
    assert (found.value, found.source) == (0.91, name)


def test_the_new_name_wins_where_both_are_there():
    page = scrape(0, "vllm:gpu_cache_usage_perc 0.5", "vllm:kv_cache_usage_perc 0.6")
    assert value(signals([page])[SignalName.KV_USAGE]) == 0.6


def test_a_missing_kv_name_is_absent_and_says_what_was_looked_for():
    found = signals([scrape(0, "vllm:num_requests_running 0")])[SignalName.KV_USAGE]
    assert cause(found) == "not on its metrics page: vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc"


def test_engines_of_one_pod_sum_requests_and_take_the_fullest_cache():
    page = scrape(
        0,
        *(f'vllm:kv_cache_usage_perc{{engine="{engine}"}} {kv}' for engine, kv in ((0, 0.96), (1, 0.72))),
        *(f'vllm:num_requests_running{{engine="{engine}"}} {n}' for engine, n in ((0, 31), (1, 28))),
        *(f'vllm:num_requests_waiting{{engine="{engine}"}} {n}' for engine, n in ((0, 9), (1, 0))),
        'vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 8',
        'vllm:num_requests_waiting_by_reason{engine="0",reason="deferred"} 1',
    )
    found = {name: value(signal) for name, signal in signals([page]).items() if isinstance(signal, Reading)}
    assert found[SignalName.KV_USAGE] == 0.96
    assert found[SignalName.RUNNING] == 59
    assert found[SignalName.WAITING] == 9
    assert found[SignalName.WAITING_CAPACITY] == 8
    assert found[SignalName.EFF_BATCH] == 31  # each engine runs its own batch


def test_processes_that_report_one_gauge_count_once():
    page = scrape(0, *(f'vllm:num_requests_running{{engine="0",pid="{pid}"}} {n}' for pid, n in ((7, 4), (8, 3))))
    assert value(signals([page])[SignalName.RUNNING]) == 4


@pytest.mark.parametrize("suffix", ["_total", ""])
def test_counters_with_and_without_their_suffix(suffix: str):
    pages = every(60, rates((f"vllm:generation_tokens{suffix}", 1000, 7000), (f"vllm:num_preemptions{suffix}", 1, 3)))
    found = signals(pages)
    assert value(found[SignalName.GEN_TPS]) == 100
    assert value(found[SignalName.PREEMPTIONS]) == 2


@pytest.mark.parametrize(
    ("series", "tps"),
    [
        ([('vllm:prompt_tokens_by_source_total{source="local_compute"}', 0, 600),
          ('vllm:prompt_tokens_by_source_total{source="local_cache_hit"}', 0, 6000),
          ("vllm:prompt_tokens_total", 0, 6600)], 10),
        ([("vllm:prompt_tokens_total", 0, 6600), ("vllm:prefix_cache_hits_total", 0, 6000)], 10),
        ([("vllm:prompt_tokens_total", 0, 6600), ("vllm:gpu_prefix_cache_hits_total", 0, 600)], 100),
        ([("vllm:prompt_tokens_total", 0, 600)], 10),
    ],
)  # fmt: skip
def test_prefill_leaves_cached_tokens_out(series: list[tuple[str, float, float]], tps: float):
    assert value(signals(every(60, rates(*series)))[SignalName.PREFILL_TPS]) == tps


@pytest.mark.parametrize("prefix", ["vllm:prefix_cache", "vllm:gpu_prefix_cache"])
def test_prefix_hit_share(prefix: str):
    pages = every(60, rates((f"{prefix}_queries_total", 100, 500), (f"{prefix}_hits_total", 50, 150)))
    assert value(signals(pages)[SignalName.PREFIX_HIT]) == 0.25


def test_no_prefix_lookup_is_no_data():
    pages = every(60, rates(("vllm:prefix_cache_queries_total", 0, 0), ("vllm:prefix_cache_hits_total", 0, 0)))
    assert "nothing was looked up" in cause(signals(pages)[SignalName.PREFIX_HIT])


@pytest.mark.parametrize("name", ["vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"])
def test_inter_token_latency_under_both_names(name: str):
    series = [
        (f'{name}_bucket{{le="0.05"}}', 0, 100),
        (f'{name}_bucket{{le="+Inf"}}', 0, 100),
        (f"{name}_sum", 0, 4.0),
        (f"{name}_count", 0, 100),
    ]
    found = signals(every(60, rates(*series)))
    assert value(found[SignalName.ITL_P95]) == pytest.approx(0.0475)
    assert value(found[SignalName.ITL_MEAN]) == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("labels", "tokens"),
    [
        ('block_size="16",num_gpu_blocks="26200",kv_cache_size_tokens="419000"', 419_000),
        ('block_size="16",num_gpu_blocks="4574",kv_cache_size_tokens="None"', 73_184),
        ('block_size="16",num_gpu_blocks="4574"', 73_184),
    ],
)
def test_capacity_stands_in_labels(labels: str, tokens: float):
    assert value(signals([scrape(0, f"vllm:cache_config_info{{{labels}}} 1")])[SignalName.KV_TOKENS]) == tokens


def test_capacity_is_of_one_engine_and_the_smallest():
    page = scrape(
        0,
        'vllm:cache_config_info{engine="0",kv_cache_size_tokens="8192"} 1',
        'vllm:cache_config_info{engine="1",kv_cache_size_tokens="8000"} 1',
    )
    assert value(signals([page])[SignalName.KV_TOKENS]) == 8000


def test_capacity_that_the_engine_does_not_know_is_absent():
    page = scrape(0, 'vllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1')
    assert "vllm:cache_config_info" in cause(signals([page])[SignalName.KV_TOKENS])


@pytest.mark.parametrize(
    ("line", "generation"),
    [
        (f"vllm:kv_cache_usage_perc{{{V1}}} 0", "V1"),
        (f"vllm:gpu_cache_usage_perc{{{V1}}} 0", "V1"),
        ('vllm:gpu_cache_usage_perc{model_name="m"} 0', "V0"),
    ],
)
def test_a_page_gives_its_engine_and_generation_away(line: str, generation: str):
    found = detect_on_page(scrape(0, line))
    assert found is not None
    assert found.engine is Engine.VLLM
    assert found.evidence == f"series {line.partition('{')[0]} (vLLM {generation})"


def test_a_strange_page_gives_nothing_away():
    assert detect_on_page(scrape(0, "DCGM_FI_DEV_GPU_UTIL 3")) is None


@pytest.mark.parametrize(
    ("workload", "evidence"),
    [
        (Workload(image="vllm/vllm-openai:v0.32.0"), "image vllm/vllm-openai:v0.32.0"),
        (Workload(image="acme/llm:1", args=("vllm", "serve", "m")), "command `vllm serve`"),
        (
            Workload(image="x", args=("python3", "-m", "vllm.entrypoints.openai.api_server")),
            "command `vllm.entrypoints`",
        ),
    ],
)
def test_a_template_gives_its_engine_away(workload: Workload, evidence: str):
    found = detect_in_template(workload)
    assert found is not None
    assert (found.engine, found.evidence) == (Engine.VLLM, evidence)


def test_a_web_server_is_no_engine():
    assert detect_in_template(Workload(image="nginx:1.29", args=("nginx", "-g", "daemon off;"))) is None


def test_each_signal_has_one_row():
    names = [row.signal for row in TABLE.rows]
    assert len(names) == len(set(names))
