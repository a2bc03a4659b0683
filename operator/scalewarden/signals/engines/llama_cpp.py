"""llama.cpp's server, from its README: no labels, few series, no KV cache since its gauges were removed.

Ollama is built on the same code and serves no metrics page at all.
"""

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Row, Series

_SLOTS = (Series("llamacpp:requests_processing"),)
_TOKENS = Series("llamacpp:tokens_predicted_total", about="may move only when a request ends", late=True)

ROWS = (
    Row(SignalName.KV_USAGE, Kind.GAUGE, Fold.MAX, (Series("llamacpp:kv_cache_usage_ratio", "old builds"),),
        when_absent="llama.cpp removed its KV gauges", gone=True),
    Row(SignalName.RUNNING, Kind.GAUGE, Fold.SUM, _SLOTS),
    Row(SignalName.WAITING, Kind.GAUGE, Fold.SUM, (Series("llamacpp:requests_deferred"),)),
    Row(SignalName.EFF_BATCH, Kind.GAUGE, Fold.MAX, _SLOTS),
    Row(SignalName.GEN_TPS, Kind.COUNTER, Fold.SUM, (_TOKENS,)),
    Row(SignalName.PREFILL_TPS, Kind.COUNTER, Fold.SUM, (Series("llamacpp:prompt_tokens_total", late=True),)),
    Row(SignalName.ITL_MEAN, Kind.RATIO, Fold.SUM, (
        Series("llamacpp:tokens_predicted_seconds_total", over=(_TOKENS,)),
    )),
)  # fmt: skip

TABLE = EngineTable(
    engine=Engine.LLAMA_CPP,
    prefix="llamacpp:",
    silent="metrics are off until `--metrics`",
    switch="start llama-server with --metrics",
    images=("llama.cpp", "llama-cpp", "llamacpp"),
    commands=("llama-server",),
    rows=ROWS,
)

OLLAMA = EngineTable(
    engine=Engine.OLLAMA,
    prefix="",
    silent="Ollama serves no metrics page",
    switch="serve the model with an engine that has metrics",
    images=("ollama",),
    commands=("ollama serve", "ollama run"),
    rows=(),
)
