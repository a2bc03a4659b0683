"""What all replicas did together over the last minutes, as a scale-up is judged by it."""

from collections.abc import Iterable, Sequence

from scalewarden.model.signal import Point, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Replica
from scalewarden.signals import windows


def mean_tokens(replicas: Sequence[Replica], limits: Thresholds) -> float | None:
    """Mean of the summed generated tokens/s over the last `ineffectiveSpan` seconds; None unless all of them tell."""
    readings = [one.reading(SignalName.GEN_TPS) for one in replicas]
    series = [_points(reading, limits) for reading in readings if reading]
    return windows.mean(windows.total(series)) if series and len(series) == len(replicas) else None


def most_waiting(signals: Iterable[Signal], limits: Thresholds) -> float | None:
    """The longest of these queues at any sample of the last `ineffectiveSpan` seconds; None unless all are known."""
    found = list(signals)
    values = [point.value for one in found if isinstance(one, Reading) for point in _points(one, limits)]
    known = bool(found) and all(isinstance(one, Reading) for one in found)
    return max(values) if known and values else None


def _points(reading: Reading, limits: Thresholds) -> tuple[Point, ...]:
    return windows.span(windows.samples(reading), limits["ineffectiveSpan"], limits).points
