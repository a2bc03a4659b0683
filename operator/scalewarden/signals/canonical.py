"""The signals that an inference engine can give: units and quantiles, the same for every engine."""

from collections.abc import Mapping

from scalewarden.model.signal import SignalName, Unit

UNITS: Mapping[SignalName, Unit] = {
    SignalName.KV_USAGE: Unit.FRACTION,
    SignalName.WAITING: Unit.REQUESTS,
    SignalName.WAITING_CAPACITY: Unit.REQUESTS,
    SignalName.RUNNING: Unit.REQUESTS,
    SignalName.EFF_BATCH: Unit.SEQUENCES,
    SignalName.PREEMPTIONS: Unit.COUNT,
    SignalName.GEN_TPS: Unit.TOKENS_PER_SECOND,
    SignalName.PREFILL_TPS: Unit.TOKENS_PER_SECOND,
    SignalName.FINISH_RATE: Unit.REQUESTS_PER_SECOND,
    SignalName.BAD_RATIO: Unit.FRACTION,
    SignalName.TTFT_P95: Unit.SECONDS,
    SignalName.TTFT_P99: Unit.SECONDS,
    SignalName.ITL_P95: Unit.SECONDS,
    SignalName.ITL_P99: Unit.SECONDS,
    SignalName.ITL_MEAN: Unit.SECONDS,
    SignalName.E2E_P95: Unit.SECONDS,
    SignalName.E2E_P99: Unit.SECONDS,
    SignalName.QUEUE_MEAN: Unit.SECONDS,
    SignalName.PREFIX_HIT: Unit.FRACTION,
    SignalName.KV_TOKENS: Unit.TOKENS,
    SignalName.INPUT_TOKENS: Unit.TOKENS,
    SignalName.OUTPUT_TOKENS: Unit.TOKENS,
}
"""The signals that an engine can give, with the unit they are normalised to."""

QUANTILES: Mapping[SignalName, float] = {
    SignalName.TTFT_P95: 0.95,
    SignalName.TTFT_P99: 0.99,
    SignalName.ITL_P95: 0.95,
    SignalName.ITL_P99: 0.99,
    SignalName.E2E_P95: 0.95,
    SignalName.E2E_P99: 0.99,
}
