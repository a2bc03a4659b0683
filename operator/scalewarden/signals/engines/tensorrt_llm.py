"""TensorRT-LLM's own server, trtllm-serve: series read from its metrics collector.

Two switches in its configuration: request metrics need `return_perf_metrics: true`, gauges
`enable_iter_perf_stats: true`. The Prometheus page is at /prometheus/metrics; /metrics is JSON.
"""

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Least, Row, Series, latencies

_GAUGES = "set enable_iter_perf_stats: true in trtllm-serve's configuration"
_REQUESTS = "set return_perf_metrics: true in trtllm-serve's configuration"
_RUNNING = (Series("trtllm_num_requests_running"),)
_TTFT = (Series("trtllm_time_to_first_token_seconds"),)
_ITL = (Series("trtllm_time_per_output_token_seconds", about="one mean a request"),)
_E2E = (Series("trtllm_e2e_request_latency_seconds"),)
_DONE = (Series("trtllm_num_requests_completed_total"), Series("trtllm_request_success_total"))
_PROMPT, _CACHED = "trtllm_prompt_tokens_total", Series("trtllm_prompt_cached_tokens_total")
_BLOCKS, _BLOCK_SIZE = Series("trtllm_kv_cache_max_blocks"), Series("trtllm_kv_cache_tokens_per_block")
_CAPACITY, _LIMIT = Least((_BLOCKS, _BLOCK_SIZE)), Least((Series("trtllm_max_batch_size_static"),))

ROWS = (
    Row(SignalName.KV_USAGE, Kind.GAUGE, Fold.MAX, (Series("trtllm_kv_cache_utilization"),), switch=_GAUGES),
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, _RUNNING, switch=_GAUGES),
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, (Series("trtllm_num_requests_waiting"),), switch=_GAUGES),
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, _RUNNING, switch=_GAUGES),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (
        Series("trtllm_generation_tokens_total", late=True),
    ), switch=_REQUESTS),
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (
        Series(_PROMPT, minus=(_CACHED,), late=True),
    ), switch=_REQUESTS),
    Row(SignalName.FINISH_RATE, Kind.COUNTER, Fold.SUM, (Series("trtllm_request_success_total"),), switch=_REQUESTS),
    Row(SignalName.BAD_RATIO, Kind.RATIO, Fold.SUM, (
        Series("trtllm_request_error_total", over=_DONE),
    ), when_absent="no request failed yet", switch=_REQUESTS),
    Row(SignalName.PREFIX_HIT, Kind.GAUGE, Fold.MAX, (
        Series("trtllm_kv_cache_hit_rate", about="of cache blocks"),
    ), switch=_GAUGES),
    *latencies(ttft=_TTFT, itl=_ITL, e2e=_E2E, switch=_REQUESTS),
    Row(SignalName.QUEUE_MEAN, Kind.HISTOGRAM, Fold.SUM, (
        Series("trtllm_request_queue_time_seconds"),
    ), switch=_REQUESTS),
    Row(SignalName.INPUT_TOKENS, Kind.RATIO, Fold.SUM, (Series(_PROMPT, over=_DONE),), switch=_REQUESTS),
    Row(SignalName.OUTPUT_TOKENS, Kind.RATIO, Fold.SUM, (
        Series("trtllm_generation_tokens_total", over=_DONE),
    ), switch=_REQUESTS),
    Row(SignalName.KV_TOKENS, Kind.INFO, Fold.MAX, (_BLOCKS,), switch=_GAUGES),
)  # fmt: skip

TABLE = EngineTable(
    engine=Engine.TENSORRT_LLM,
    prefix="trtllm_",
    silent="the page is at /prometheus/metrics, and return_perf_metrics switches request metrics on",
    switch="set metrics.path: /prometheus/metrics; set return_perf_metrics and enable_iter_perf_stats: true in its "
    "configuration",
    images=("tensorrt-llm", "tensorrt_llm", "trtllm"),
    commands=("trtllm-serve",),
    rows=ROWS,
    never={SignalName.PREEMPTIONS: "trtllm-serve counts no preemptions: trtllm_num_paused_requests is a level"},
    extra=(*_CAPACITY.names, *_LIMIT.names),
    capacity=_CAPACITY,
    limit=_LIMIT,
)
