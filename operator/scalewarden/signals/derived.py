"""Signals that are made of other signals: peaks, shares of a limit, the distance to a promise."""

from collections.abc import Mapping

from scalewarden.model.policy import Objectives
from scalewarden.model.signal import Absent, Reading, Signal, SignalName, Unit
from scalewarden.signals import windows

NO_LIMIT = Absent("the batch limit is not known: declare spec.baseline.maxNumSeqs")
BEYOND_LIMIT = Absent("the batch is larger than the limit that was found: declare spec.baseline.maxNumSeqs")
NO_OBJECTIVE = Absent("no objective with a measured latency is declared")


def of_replica(signals: Mapping[SignalName, Signal], limit: int | None) -> dict[SignalName, Signal]:
    """kv_peak and batch_fill of one replica; limit is its batch limit in sequences."""
    usage, batch = signals[SignalName.KV_USAGE], signals[SignalName.EFF_BATCH]
    return {
        SignalName.KV_PEAK: _peak(usage) if isinstance(usage, Reading) else usage,
        SignalName.BATCH_FILL: _fill(batch, limit) if isinstance(batch, Reading) else batch,
    }


def _peak(usage: Reading) -> Reading:
    highest = windows.maximum(windows.samples(usage))
    value = usage.value if highest is None else highest
    return Reading(value, usage.unit, usage.at, f"max of {usage.source}", usage.window)


def _fill(batch: Reading, limit: int | None) -> Signal:
    if not limit:
        return NO_LIMIT
    share = batch.value / limit
    if share > 1:
        return BEYOND_LIMIT
    return Reading(share, Unit.FRACTION, batch.at, f"p95 of {batch.source} ÷ batch limit", batch.window)


def promised(objectives: Objectives) -> tuple[tuple[SignalName, float | None], ...]:
    """The latencies that may be promised, each with its objective (s), None where it is not."""
    return (
        (SignalName.TTFT_P95, objectives.ttft_p95),
        (SignalName.ITL_P95, objectives.itl_p95),
        (SignalName.E2E_P99, objectives.e2e_p99),
    )


def of_service(signals: Mapping[SignalName, Signal], objectives: Objectives) -> dict[SignalName, Signal]:
    """slo_gap: of the latencies that were promised and measured, the largest share of its objective."""
    gaps = [
        Reading(found.value / objective, Unit.RATIO, found.at, f"{name} ÷ objective", found.window)
        for name, objective in promised(objectives)
        if objective and isinstance(found := signals.get(name), Reading)
    ]
    return {SignalName.SLO_GAP: max(gaps, key=lambda one: one.value, default=NO_OBJECTIVE)}
