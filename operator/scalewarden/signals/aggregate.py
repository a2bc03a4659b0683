"""Pods → service: sums of rates, and quantiles over the summed buckets of all pods, never a mean of quantiles."""

from collections.abc import Sequence
from dataclasses import replace
from math import fsum
from statistics import fmean

from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import windows
from scalewarden.signals.canonical import QUANTILES, UNITS
from scalewarden.signals.derive import Derived
from scalewarden.signals.histograms import merged
from scalewarden.signals.measure import summary
from scalewarden.signals.together import complete, joined

SUMMED = (
    SignalName.WAITING,
    SignalName.WAITING_CAPACITY,
    SignalName.RUNNING,
    SignalName.GEN_TPS,
    SignalName.PREFILL_TPS,
    SignalName.FINISH_RATE,
    SignalName.PREEMPTIONS,
)
OBSERVED = (
    *QUANTILES,
    SignalName.QUEUE_MEAN,
    SignalName.INPUT_TOKENS,
    SignalName.OUTPUT_TOKENS,
    SignalName.PREFIX_HIT,
    SignalName.BAD_RATIO,
)


def service_signals(pods: Sequence[Derived], thresholds: Thresholds) -> dict[SignalName, Signal]:
    """Service-wide signals of the serving pods.

    A sum is Absent while any pod lacks its part. Latencies and request sizes rest on the pods that are seen.
    """
    summed = {name: _sum(name, [pod.signals.get(name) for pod in pods]) for name in SUMMED}
    return summed | {name: _observed(name, pods, thresholds) for name in OBSERVED}


def _sum(name: SignalName, parts: Sequence[Signal | None]) -> Signal:
    readings = complete(parts)
    if isinstance(readings, Absent):
        return readings
    series = windows.total([reading.series for reading in readings])
    return joined(readings, fsum(reading.value for reading in readings), UNITS[name], series)


def _observed(name: SignalName, pods: Sequence[Derived], limits: Thresholds) -> Signal:
    """Over all pods' observations; of pods that only tell a quantile or mean, the worst quantile and the mean."""
    together = merged(pod.observed[name] for pod in pods if name in pod.observed)
    if together is not None:
        return summary(name, together, limits)
    told = [signal for pod in pods if isinstance(signal := pod.signals.get(name), Reading)]
    if not told:
        causes = (signal for pod in pods if isinstance(signal := pod.signals.get(name), Absent))
        return next(causes, Absent("no replica is ready"))
    worst = max(told, key=lambda one: one.value)
    mean = replace(worst, value=_mean(told))
    return replace(worst if name in QUANTILES else mean, at=min(one.at for one in told), series=())


def _mean(told: Sequence[Reading]) -> float:
    """The mean over pods, by what was observed on each where all of them say."""
    counts = [one.observations or 0.0 for one in told]
    if not all(counts):
        return fmean(one.value for one in told)
    return fsum(one.value * count for one, count in zip(told, counts, strict=True)) / fsum(counts)
