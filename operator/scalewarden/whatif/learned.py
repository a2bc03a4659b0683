"""What a baseline says about a removal, and whether enough is known to say it."""

from dataclasses import replace
from statistics import median

from scalewarden.model.baseline import Learned, Line
from scalewarden.model.fingerprint import Fingerprint, fingerprint_of
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import windows

SPREAD = 1.5
"""Least ratio of the largest to the smallest batch for an ITL fit to mean anything (ours)."""


def made(snapshot: Snapshot, reset: str | None = None) -> Fingerprint:
    """How the service of a snapshot is made."""
    engine, workload, objectives = snapshot.engine, snapshot.workload, snapshot.objectives
    return fingerprint_of(snapshot.target, engine, workload, snapshot.replicas, objectives, reset)


def with_baseline(snapshot: Snapshot, learned: Learned | None, reset: str | None = None) -> Snapshot:
    """The snapshot with what was learned of a service that is still made like this, where it declares nothing itself.

    reset is what the owner wrote to have everything forgotten. The cold start is the slowest that is measured or
    remembered.
    """
    at, limits, declared = snapshot.at, snapshot.thresholds, snapshot.sustainable_tps
    now = made(snapshot, reset)
    known = learned.of(now, at) if learned else Learned(now, float(int(at)))
    sustained = sustainable_tps(known, at, limits) if declared is None else declared
    starts = [seconds for seconds in (snapshot.cold_start, known.slowest_start) if seconds is not None]
    return replace(
        snapshot,
        learned=known,
        sustainable_tps=sustained,
        sustainable_learned=declared is None and sustained is not None,
        cold_start=max(starts, default=None),
    )


def sustainable_tps(learned: Learned, at: float, limits: Thresholds) -> float | None:
    """Tokens/s that one replica sustains: the 90th percentile while requests waited throughout, and never less than
    what a calm replica was seen to do. None with fewer than `learnSamples` samples that are not too old at `at`."""
    values = recent(learned.saturated, at, limits)
    if not values or len(values) < limits["learnSamples"]:
        return None
    return max(windows.quantile(values, 0.9), calm_tps(learned, at, limits) or 0.0)


def calm_tps(learned: Learned, at: float, limits: Thresholds) -> float | None:
    """The highest tokens/s of a calm replica, as far as it is plausible beside the saturated ones; None where none
    was seen."""
    highest = max(recent(learned.calm, at, limits), default=None)
    return None if highest is None else min(highest, ceiling(recent(learned.saturated, at, limits), limits))


def recent(samples: tuple[Point, ...], at: float, limits: Thresholds) -> list[float]:
    """The values that are not forgotten at `at` (unix seconds)."""
    return [point.value for point in samples if at - point.at < limits["learnForget"]]


def ceiling(values: list[float], limits: Thresholds) -> float:
    """Up to where another sample counts in full, beside those that are known."""
    known = len(values) >= max(1.0, limits["learnSamples"])
    return max(1.0, limits["learnOutlier"]) * median(values) if known else float("inf")


def itl_line(learned: Learned | None, at: float, limits: Thresholds) -> Line | None:
    """The learned line, where batches differed enough and enough points are still behind it."""
    line = learned.itl if learned else None
    if line is None or line.low <= 0 or line.high / line.low < SPREAD or at - line.at >= limits["learnForget"]:
        return None
    return line if line.points >= limits["learnFitPoints"] and line.var_running > 0 else None
