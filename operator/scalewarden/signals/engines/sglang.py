"""SGLang 0.3 to 0.5.23: series names read from the sources of its releases, newest spelling first.

Metrics are off until `--enable-metrics`. Gauges are written on each prefill batch and every 40 decode steps, so a
long decode shows an older level. A counter is missing until it first counts.
"""

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Least, Row, Series, latencies

_TOTAL = {"priority": ""}
_HIT = ("device_hit", "host_hit", "storage_hit")
_FIRST_NAMES = "0.3 to 0.4.0"
_RUNNING = (Series("sglang:num_running_reqs", only=_TOTAL), Series("sglang:num_requests_running", _FIRST_NAMES))
# Prefill and decode servers of a disaggregated pair keep further queues.
_QUEUED = (
    Series("sglang:num_queue_reqs", only=_TOTAL, plus=(
        Series("sglang:num_prefill_bootstrap_queue_reqs", only=_TOTAL),
        Series("sglang:num_prefill_inflight_queue_reqs", only=_TOTAL),
        Series("sglang:num_decode_prealloc_queue_reqs", only=_TOTAL),
        Series("sglang:num_decode_transfer_queue_reqs", only=_TOTAL),
    )),
    Series("sglang:num_requests_waiting", _FIRST_NAMES),
    Series("sglang:queue_req", _FIRST_NAMES),
)  # fmt: skip
_TTFT = (Series("sglang:time_to_first_token_seconds"),)
_ITL = (Series("sglang:inter_token_latency_seconds"), Series("sglang:time_per_output_token_seconds", "up to 0.4"))
_E2E = (Series("sglang:e2e_request_latency_seconds"),)
_REQUESTS = Series("sglang:num_requests_total")
_PREFILL = "sglang:prefill_effective_tokens_total"
_LIMIT = Least((Series("sglang:max_running_requests"),))
_CAPACITY = Series("sglang:max_total_num_tokens", about="of one data-parallel rank")

ROWS = (
    # token_usage is the fullest pool, rounded to two decimals; from 0.5.10 on each pool has a gauge of its own, and
    # where none of them explains it, it counts.
    Row(SignalName.KV_USAGE, Kind.GAUGE, Fold.MAX, (
        Series("sglang:full_token_usage", "0.5.10 on", most=(
            Series("sglang:swa_token_usage"),
            Series("sglang:mamba_usage"),
            Series("sglang:token_usage", rounding=0.005),
        )),
        Series("sglang:token_usage", about="rounded to two decimals"),
    )),
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, _RUNNING),
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, _QUEUED),
    Row(SignalName.WAITING_CAPACITY, Kind.GAUGE, Fold.SUM, _QUEUED),
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, _RUNNING),
    # What SGLang calls retraction; the older gauge counts up too.
    Row(SignalName.PREEMPTIONS, Kind.COUNTER, Fold.SUM, (
        Series("sglang:num_retracted_requests_total", "0.5.8 on"),
        Series("sglang:total_retracted_reqs", "0.5.2 on"),
    ), when_absent="SGLang counts retractions from 0.5.2 on, from 0.5.8 on only after the first one",
        switch="run SGLang 0.5.8 or newer"),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (
        Series("sglang:realtime_tokens_total", "0.5.8 on", only={"mode": "decode"}),
        Series("sglang:gen_throughput", "up to 0.5.7", kind=Kind.GAUGE, about="old releases keep the last value"),
        Series("sglang:generation_tokens_total", late=True),
    )),
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (
        Series("sglang:realtime_tokens_total", "0.5.8 on", only={"mode": "prefill_compute"}),
        Series("sglang:prompt_tokens_total", "up to 0.5.7", minus=(Series("sglang:cached_tokens_total"),), late=True),
    )),
    Row(SignalName.FINISH_RATE, Kind.COUNTER, Fold.SUM, (_REQUESTS,)),
    Row(SignalName.BAD_RATIO, Kind.RATIO, Fold.SUM, (Series("sglang:num_aborted_requests_total", over=(_REQUESTS,)),),
        when_absent="no request was aborted yet"),
    Row(SignalName.PREFIX_HIT, Kind.RATIO, Fold.MAX, (
        Series(_PREFILL, "0.5.18 on", only={"mode": _HIT}, over=(Series(_PREFILL),)),
        Series("sglang:cache_hit_rate", kind=Kind.GAUGE,
               about="of the last prefill only; percent in the first releases, which is not read"),
    )),
    *latencies(ttft=_TTFT, itl=_ITL, e2e=_E2E),
    Row(SignalName.QUEUE_MEAN, Kind.HISTOGRAM, Fold.MAX, (
        Series("sglang:queue_time_seconds", "0.5.4 on"),
        Series("sglang:queue_time_s", "0.5.2"),
        Series("sglang:avg_request_queue_latency", "0.4.6 to 0.5.2", kind=Kind.GAUGE),
        Series("sglang:waiting_request_latency_seconds", _FIRST_NAMES),
    )),
    # Tokens and requests are both counted when a request ends.
    Row(SignalName.INPUT_TOKENS, Kind.RATIO, Fold.SUM, (
        Series("sglang:prompt_tokens_total", over=(_REQUESTS,)),
        Series("sglang:request_prompt_tokens", _FIRST_NAMES, kind=Kind.HISTOGRAM),
    )),
    Row(SignalName.OUTPUT_TOKENS, Kind.RATIO, Fold.SUM, (
        Series("sglang:generation_tokens_total", over=(_REQUESTS,)),
        Series("sglang:request_generation_tokens", _FIRST_NAMES, kind=Kind.HISTOGRAM),
    )),
    Row(SignalName.KV_TOKENS, Kind.INFO, Fold.MAX, (_CAPACITY,)),
)  # fmt: skip

TABLE = EngineTable(
    engine=Engine.SGLANG,
    prefix="sglang:",
    silent="metrics are off until `--enable-metrics`",
    switch="start SGLang with --enable-metrics",
    images=("sglang",),
    commands=("sglang.launch_server", "sglang serve", "sglang.srt"),
    rows=ROWS,
    copies=frozenset({"pid", "tp_rank", "pp_rank", "moe_ep_rank"}),
    born_late=True,
    extra=_LIMIT.names,
    capacity=Least((_CAPACITY,)),
    limit=_LIMIT,
)
