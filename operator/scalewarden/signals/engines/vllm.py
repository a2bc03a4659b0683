"""vLLM, V1 and V0: series names since 0.5, newest spelling first, read from the sources of its releases."""

from collections.abc import Mapping

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Row, Series, latencies
from scalewarden.signals.sample import Scrape

_HITS = (Series("vllm:prefix_cache_hits_total"), Series("vllm:gpu_prefix_cache_hits_total"))
_TTFT = (Series("vllm:time_to_first_token_seconds"),)
_E2E = (Series("vllm:e2e_request_latency_seconds"),)
_FINISHED = "vllm:request_success_total"
_SLEEP = "vllm:engine_sleep_state"
_SIMULATOR = "vllm:max_num_generation_tokens_count"
_ITL = (
    Series("vllm:inter_token_latency_seconds", "0.10.2 on"),
    Series("vllm:time_per_output_token_seconds", "up to 0.11, V0", dropped="0.15.1"),
)
_CACHE = "vllm:cache_config_info"

ROWS = (
    # `perc` is a fraction. With several processes some releases add a `pid` label: the maximum is right for both.
    Row(SignalName.KV_USAGE, Kind.GAUGE, Fold.MAX, (
        Series("vllm:kv_cache_usage_perc", "0.9.2 on"),
        Series("vllm:gpu_cache_usage_perc", "up to 0.11, V0", dropped="0.12"),
    )),
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, (Series("vllm:num_requests_running"),)),
    # V0 moved preempted requests to the CPU and counted them apart.
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, (
        Series("vllm:num_requests_waiting", plus=(Series("vllm:num_requests_swapped", "V0"),)),
    )),
    Row(SignalName.WAITING_CAPACITY, Kind.GAUGE, Fold.SUM, (
        Series("vllm:num_requests_waiting_by_reason", "0.21 on", only={"reason": "capacity"}),
    ), when_absent="vLLM exports it from 0.21 on", switch="run vLLM 0.21 or newer; until then `waiting` stands for it"),
    # Each data-parallel engine runs its own batch: the largest one counts, not the sum.
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, (Series("vllm:num_requests_running"),)),
    Row(SignalName.PREEMPTIONS, Kind.COUNTER, Fold.SUM, (Series("vllm:num_preemptions_total"),)),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (Series("vllm:generation_tokens_total"),)),
    # prompt_tokens counts cached tokens too: what was computed is less the hits.
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (
        Series("vllm:prompt_tokens_by_source_total", "0.17.1 on", only={"source": "local_compute"}),
        Series("vllm:prompt_tokens_total", "up to 0.15, V0", minus=_HITS),
    )),
    # Its name says success; it counts every finish, aborts and errors too.
    Row(SignalName.FINISH_RATE, Kind.COUNTER, Fold.SUM, (Series(_FINISHED),)),
    Row(SignalName.BAD_RATIO, Kind.RATIO, Fold.SUM, (
        Series(_FINISHED, only={"finished_reason": ("abort", "error")}, over=(Series(_FINISHED),)),
    ), when_absent="no request was aborted or failed yet"),
    Row(SignalName.PREFIX_HIT, Kind.RATIO, Fold.SUM, (
        Series("vllm:prefix_cache_hits_total", "0.9.2 on", over=(Series("vllm:prefix_cache_queries_total"),)),
        Series(
            "vllm:gpu_prefix_cache_hits_total", "V1 up to 0.11",
            over=(Series("vllm:gpu_prefix_cache_queries_total"),), dropped="0.12",
        ),
    ), when_absent="V0 has no hit counter", switch="run the V1 engine, with prefix caching on"),
    *latencies(ttft=_TTFT, itl=_ITL, e2e=_E2E),
    # A quantile reads 0.285 s when nobody queues (the first bucket ends at 0.3 s): the mean tells.
    Row(SignalName.QUEUE_MEAN, Kind.HISTOGRAM, Fold.SUM, (Series("vllm:request_queue_time_seconds"),)),
    Row(SignalName.INPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series("vllm:request_prompt_tokens"),)),
    Row(SignalName.OUTPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series("vllm:request_generation_tokens"),)),
    Row(SignalName.KV_TOKENS, Kind.INFO, Fold.MAX, (Series(_CACHE),)),
)  # fmt: skip


def version(scrape: Scrape) -> str:
    """What wrote the page, by what only it exports."""
    if scrape.named(_SIMULATOR):
        return "as llm-d-inference-sim writes it"
    gauges = scrape.named("vllm:kv_cache_usage_perc") or scrape.named("vllm:gpu_cache_usage_perc")
    return "V1" if any("engine" in sample.labels for sample in gauges) else "V0"


def asleep(scrape: Scrape) -> bool | None:
    """Whether no engine of the pod is awake (0.11.2 on): it then looks idle and is no spare capacity."""
    awake = [sample.value for sample in scrape.named(_SLEEP) if sample.labels.get("sleep_state") == "awake"]
    return not any(awake) if awake else None


def capacity(scrape: Scrape) -> float | None:
    """KV-cache tokens of one engine, the smallest where they differ: they stand in labels of cache_config_info."""
    sizes = [_tokens(sample.labels) for sample in scrape.named(_CACHE)]
    return min((size for size in sizes if size), default=None)


def _tokens(labels: Mapping[str, str]) -> float | None:
    """kv_cache_size_tokens from 0.25 on, else blocks × block size; "None" stands where the engine does not know."""
    size, blocks, block_size = (
        _number(labels.get(name)) for name in ("kv_cache_size_tokens", "num_gpu_blocks", "block_size")
    )
    if size:
        return size
    return blocks * block_size if blocks and block_size else None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() and len(text) < 16 else None


TABLE = EngineTable(
    engine=Engine.VLLM,
    prefix="vllm:",
    silent="`--disable-log-stats` removes them",
    switch="start vLLM without --disable-log-stats",
    images=("vllm", "llm-d-inference-sim", "huggingfaceserver"),
    commands=("vllm serve", "vllm.entrypoints", "llm-d-inference-sim"),
    rows=ROWS,
    extra=(_SLEEP, _SIMULATOR),
    version=version,
    capacity=capacity,
    asleep=asleep,
)
