"""Triton Inference Server with the TensorRT-LLM backend, from NVIDIA's documentation.

An ensemble counts each request once for every model on its way: labels `model` and `version` tell such copies apart.
"""

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Least, Row, Series, latencies

_REQUEST, _KV = "nv_trt_llm_request_metrics", "nv_trt_llm_kv_cache_block_metrics"
_ENSEMBLE = frozenset({"model", "version"})
_MICRO = 1e-6
_SUMS_ONLY = "Triton exports sums of durations, from which there is no quantile"


def _requests(kind: str) -> Series:
    return Series(_REQUEST, only={"request_type": kind})


def _blocks(kind: str, over: tuple[Series, ...] = ()) -> Series:
    return Series(_KV, only={"kv_cache_block_type": kind}, over=over)


_DONE = Series("nv_inference_request_success", copies=_ENSEMBLE)
_FIRST = Series("nv_inference_first_response_histogram_ms", scale=1e-3, about="decoupled models; off by default")
_FIRST_SWITCH = "start tritonserver with --metrics-config histogram_latencies=true, models decoupled"
_OUTPUT, _INPUT = "nv_llm_output_token_len", "nv_llm_input_token_len"

ROWS = (
    Row(SignalName.KV_USAGE, Kind.GAUGE, Fold.MAX, (_blocks("fraction"), _blocks("used", over=(_blocks("max"),)))),
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, (_requests("scheduled"),)),
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, (
        _requests("waiting"), Series("nv_inference_pending_request_count", copies=_ENSEMBLE),
    )),
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, (
        Series("nv_trt_llm_inflight_batcher_metrics", only={
            "inflight_batcher_specific_metric": "generation_requests",
        }),
        _requests("scheduled"),
    )),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (Series(f"{_OUTPUT}_sum", late=True),)),
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (Series(f"{_INPUT}_sum", late=True),)),
    Row(SignalName.FINISH_RATE, Kind.COUNTER, Fold.SUM, (_DONE,)),
    Row(SignalName.BAD_RATIO, Kind.RATIO, Fold.SUM, (
        Series("nv_inference_request_failure", copies=_ENSEMBLE | {"reason"}, over=(_DONE,)),
    )),
    *latencies(ttft=(_FIRST,), switch=_FIRST_SWITCH),
    Row(SignalName.QUEUE_MEAN, Kind.RATIO, Fold.SUM, (
        Series("nv_inference_queue_duration_us", scale=_MICRO, copies=_ENSEMBLE, over=(
            Series("nv_inference_count", copies=_ENSEMBLE),
        )),
    )),
    Row(SignalName.INPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series(_INPUT),)),
    Row(SignalName.OUTPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series(_OUTPUT),)),
    Row(SignalName.KV_TOKENS, Kind.INFO, Fold.MAX, (_blocks("max"),)),
)  # fmt: skip

TABLE = EngineTable(
    engine=Engine.TRITON,
    prefix="nv_",
    silent="they are served on port 8002, and only the TensorRT-LLM backend writes `nv_trt_llm_`",
    switch="serve them: tritonserver without --allow-metrics=false, metrics.port 8002",
    images=("tritonserver",),
    commands=("tritonserver",),
    rows=ROWS,
    never={
        SignalName.E2E_P95: _SUMS_ONLY,
        SignalName.E2E_P99: _SUMS_ONLY,
        SignalName.ITL_P95: _SUMS_ONLY,
        SignalName.ITL_P99: _SUMS_ONLY,
    },
    capacity=Least((_blocks("max"), _blocks("tokens_per"))),
    limit=Least((_requests("max"),)),
)
