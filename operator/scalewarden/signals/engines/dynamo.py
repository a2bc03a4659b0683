"""NVIDIA Dynamo 1.6: series read from its names module; frontends and workers are different pods.

A worker passes its engine's own series through on DYN_SYSTEM_PORT, and those are read by that engine's table. This
one reads a worker without them, and a frontend, which is where latencies are measured.
"""

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Least, Row, Series, latencies

_WORKER, _FRONT = "dynamo_component_", "dynamo_frontend_"
_RUNNING = (Series(f"{_WORKER}inflight_requests"), Series(f"{_FRONT}inflight_requests"))
_TTFT = (Series(f"{_FRONT}time_to_first_token_seconds"),)
_ITL = (Series(f"{_FRONT}inter_token_latency_seconds"),)
_E2E = (Series(f"{_FRONT}request_duration_seconds"),)
_LIMIT = f"{_FRONT}model_max_num_seqs"
_FRONTEND = "latencies and queue are on the frontend's page, not on a worker's"

ROWS = (
    # `percent` is a fraction.
    Row(SignalName.KV_USAGE, Kind.GAUGE, Fold.MAX, (
        Series(f"{_WORKER}gpu_cache_usage_percent"),
        Series(f"{_WORKER}kvstats_gpu_cache_usage_percent", "before 1.0"),
    )),
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, _RUNNING),
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, (
        Series(f"{_FRONT}queued_requests"), Series(f"{_FRONT}router_queue_pending_requests"),
    ), when_absent=_FRONTEND),
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, _RUNNING),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (Series(f"{_FRONT}output_tokens_total"),), when_absent=_FRONTEND),
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (
        Series(f"{_FRONT}input_sequence_tokens_sum", about="cached tokens are counted too"),
    ), when_absent=_FRONTEND),
    Row(SignalName.FINISH_RATE, Kind.COUNTER, Fold.SUM, (
        Series(f"{_WORKER}requests_total"), Series(f"{_FRONT}requests_total"),
    )),
    Row(SignalName.PREFIX_HIT, Kind.GAUGE, Fold.MAX, (
        Series(f"{_WORKER}kv_cache_hit_rate"),
        Series(f"{_WORKER}kvstats_gpu_prefix_cache_hit_rate", "before 1.0"),
        Series(f"{_FRONT}kv_hit_rate", kind=Kind.HISTOGRAM),
    )),
    *latencies(ttft=_TTFT, itl=_ITL, e2e=_E2E, when_absent=_FRONTEND),
    Row(SignalName.INPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series(f"{_FRONT}input_sequence_tokens"),)),
    Row(SignalName.OUTPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series(f"{_FRONT}output_sequence_tokens"),)),
)  # fmt: skip

TABLE = EngineTable(
    engine=Engine.DYNAMO,
    prefix="dynamo_",
    silent="a worker serves them only where DYN_SYSTEM_PORT is set",
    switch="set DYN_SYSTEM_PORT on the workers: their page then carries the engine's own series too",
    images=("ai-dynamo",),
    commands=("dynamo.vllm", "dynamo.sglang", "dynamo.trtllm", "dynamo.frontend", "dynamo run"),
    rows=ROWS,
    never={SignalName.PREEMPTIONS: "only the engine's own series tell, which a worker passes on with DYN_SYSTEM_PORT"},
    extra=(_LIMIT,),
    limit=Least((Series(_LIMIT),)),
)
