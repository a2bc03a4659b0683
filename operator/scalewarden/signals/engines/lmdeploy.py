"""LMDeploy 0.18: series read from its logger; label `engine` is the data-parallel rank."""

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Row, Series, latencies

_RUNNING = (Series("lmdeploy:num_requests_running"),)
_TTFT = (Series("lmdeploy:time_to_first_token_seconds"),)
_ITL = (Series("lmdeploy:time_per_output_token_seconds"), Series("lmdeploy:iter_token_latency"))
_E2E = (Series("lmdeploy:e2e_request_latency_seconds"),)
_FINISHED = Series("lmdeploy:request_success_total")
_CACHED = Series("lmdeploy:cached_tokens_total")

ROWS = (
    Row(SignalName.KV_USAGE, Kind.GAUGE, Fold.MAX, (Series("lmdeploy:gpu_cache_usage_perc"),)),
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, _RUNNING),
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, (Series("lmdeploy:num_requests_waiting"),)),
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, _RUNNING),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (Series("lmdeploy:generation_tokens_total"),)),
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (Series("lmdeploy:prompt_tokens_total", minus=(_CACHED,)),)),
    Row(SignalName.FINISH_RATE, Kind.COUNTER, Fold.SUM, (_FINISHED,)),
    Row(SignalName.BAD_RATIO, Kind.RATIO, Fold.SUM, (
        Series("lmdeploy:request_success_total", only={"finished_reason": ("abort", "error")}, over=(_FINISHED,)),
    ), when_absent="no request was aborted or failed yet"),
    Row(SignalName.PREFIX_HIT, Kind.GAUGE, Fold.MAX, (Series("lmdeploy:prefix_cache_hit_rate"),)),
    *latencies(ttft=_TTFT, itl=_ITL, e2e=_E2E),
    Row(SignalName.QUEUE_MEAN, Kind.HISTOGRAM, Fold.SUM, (Series("lmdeploy:request_queue_time_seconds"),)),
    Row(SignalName.INPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series("lmdeploy:request_prompt_tokens"),)),
    Row(SignalName.OUTPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series("lmdeploy:request_generation_tokens"),)),
)  # fmt: skip

TABLE = EngineTable(
    engine=Engine.LMDEPLOY,
    prefix="lmdeploy:",
    silent="they are on by default: `--disable-metrics` removes them",
    switch="start lmdeploy serve without --disable-metrics",
    images=("lmdeploy",),
    commands=("lmdeploy serve",),
    rows=ROWS,
    never={SignalName.PREEMPTIONS: "LMDeploy counts no preemptions"},
)
