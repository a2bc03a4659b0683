"""NVIDIA NIM 1.x, from NVIDIA's observability page: names without a prefix, served at /v1/metrics.

NIM 2 runs vLLM or SGLang and writes their names, which are read by their tables. Names without a prefix collide
easily, so two that no other engine writes must be on the page together.
"""

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Least, Row, Series, latencies

_LIMIT, _KV = "num_request_max", "gpu_cache_usage_perc"
_RUNNING = (Series("num_requests_running"),)
_TTFT = (Series("time_to_first_token_seconds"),)
_ITL = (Series("time_per_output_token_seconds"),)
_E2E = (Series("e2e_request_latency_seconds"),)
_FINISHED = Series("request_finish_total")

ROWS = (
    Row(SignalName.KV_USAGE, Kind.GAUGE, Fold.MAX, (Series(_KV),)),
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, _RUNNING),
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, (Series("num_requests_waiting"),)),
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, _RUNNING),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (Series("generation_tokens_total"),)),
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (
        Series("prompt_tokens_total", about="cached tokens are counted too"),
    )),
    Row(SignalName.FINISH_RATE, Kind.COUNTER, Fold.SUM, (_FINISHED, Series("request_success_total"))),
    Row(SignalName.BAD_RATIO, Kind.RATIO, Fold.SUM, (
        Series("request_finish_total", only={"finished_reason": ("abort", "error")}, over=(_FINISHED,)),
        Series("request_failure_total", over=(_FINISHED,)),
    ), when_absent="no request was aborted or failed yet"),
    *latencies(ttft=_TTFT, itl=_ITL, e2e=_E2E),
    Row(SignalName.INPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series("request_prompt_tokens"),)),
    Row(SignalName.OUTPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series("request_generation_tokens"),)),
)  # fmt: skip

TABLE = EngineTable(
    engine=Engine.NIM,
    prefix="",
    silent="NIM serves them at /v1/metrics",
    switch="set metrics.path: /v1/metrics",
    images=("nvcr.io/nim/",),
    commands=(),
    rows=ROWS,
    marks=(_LIMIT, _KV),
    extra=(_LIMIT,),
    limit=Least((Series(_LIMIT),)),
)
