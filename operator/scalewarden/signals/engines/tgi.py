"""Hugging Face Text Generation Inference, from its own metrics reference; in maintenance since the end of 2025.

The weakest page of all engines: no KV cache, no first token, no preemption. What decides then: the queue, the batch
limit and a declared latency objective.
"""

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Row, Series, latencies

_BATCH = (Series("tgi_batch_current_size"),)
_PER_TOKEN = (Series("tgi_request_mean_time_per_token_duration", about="one mean a request"),)
_WHOLE = (Series("tgi_request_duration"),)
_GENERATED, _INPUT = "tgi_request_generated_tokens", "tgi_request_input_length"
_NO_KV = "TGI exports no KV-cache usage: tgi_batch_current_max_tokens is a budget"

ROWS = (
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, _BATCH),
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, (Series("tgi_queue_size"),)),
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, _BATCH),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (Series(f"{_GENERATED}_sum", late=True),)),
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (Series(f"{_INPUT}_sum", late=True),)),
    Row(SignalName.FINISH_RATE, Kind.COUNTER, Fold.SUM, (Series("tgi_request_success"),)),
    Row(SignalName.BAD_RATIO, Kind.RATIO, Fold.SUM, (
        Series("tgi_request_failure", over=(Series("tgi_request_count"),)),
    ), when_absent="no request failed yet"),
    *latencies(itl=_PER_TOKEN, e2e=_WHOLE),
    Row(SignalName.QUEUE_MEAN, Kind.HISTOGRAM, Fold.SUM, (Series("tgi_request_queue_duration"),)),
    Row(SignalName.INPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series(_INPUT),)),
    Row(SignalName.OUTPUT_TOKENS, Kind.HISTOGRAM, Fold.SUM, (Series(_GENERATED),)),
)  # fmt: skip

TABLE = EngineTable(
    engine=Engine.TGI,
    prefix="tgi_",
    silent="TGI serves them on its own port, from the first request on",
    switch="point metrics.port at TGI's HTTP port and send it a request",
    images=("text-generation-inference",),
    commands=("text-generation-launcher", "text-generation-router"),
    rows=ROWS,
    born_late=True,
    never={SignalName.KV_USAGE: _NO_KV, SignalName.KV_TOKENS: _NO_KV},
)
