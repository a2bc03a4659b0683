"""CPU of one pod: what it uses of what it asked for, and how often its limit stopped it.

Two kinds of pages are read: the kubelet's (cAdvisor), with counters by container, and what metrics.k8s.io says, as
cores that were measured elsewhere. Only containers that ask for CPU count, on both sides of the division. An engine
polls a core even when idle and its tokenizers burn CPU with the request rate: CPU explains, it is no measure of load.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import windows
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.signals.staleness import is_stale, stale
from scalewarden.signals.together import complete, joined

USAGE = "container_cpu_usage_seconds_total"
PERIODS = "container_cpu_cfs_periods_total"
THROTTLED = "container_cpu_cfs_throttled_periods_total"
CADVISOR: frozenset[str] = frozenset({USAGE, PERIODS, THROTTLED})
"""The kubelet's series. They stand on its own page, so `instance` is the node's, not the pod's."""
CORES = "metrics.k8s.io/cpu"
"""Our name for what metrics.k8s.io says: cores by container."""

NOT_READ = Absent("no source of CPU usage is read")
NO_REQUEST = Absent("its containers do not ask for CPU")
NO_LIMIT = Absent("no container has a CPU limit that could stop it")
NO_THROTTLING = Absent("metrics.k8s.io does not tell; Prometheus does where it scrapes the kubelet's cAdvisor page")
CPU = (SignalName.CPU_RATIO, SignalName.CPU_THROTTLED)

_PAUSE = ("", "POD")  # rows of the whole pod's group and of its pause container: they would count twice


def cpu_signals(
    scrapes: Sequence[Scrape] | Absent,
    requests: Mapping[str, float],
    now: float,
    limits: Thresholds,
    window: float,
) -> dict[SignalName, Signal]:
    """Both signals of one pod at `now` (unix seconds), CPU_RATIO above 1 where it uses more than it asked for.

    scrapes hold rows of this pod only. requests are cores by container; under "" the pod asks as a whole.
    """
    if isinstance(scrapes, Absent):
        return dict.fromkeys(CPU, scrapes)
    pages = Pages.of(scrapes, now, window)
    if not pages.scrapes:
        return dict.fromkeys(CPU, NOT_READ)
    if is_stale(pages.scrapes[-1].at, now, limits):
        return dict.fromkeys(CPU, stale(limits))
    ratio = _ratio(pages.last(limits["latencySpan"]), requests, now, limits)
    return {SignalName.CPU_RATIO: ratio, SignalName.CPU_THROTTLED: _throttled(pages.last(limits["latencySpan"]))}


def service_cpu(pods: Iterable[Mapping[SignalName, Signal]]) -> dict[SignalName, Signal]:
    """Of the replicas that serve, together: the mean, Absent while any of them lacks its part."""
    parts = list(pods)
    return {name: _mean([part.get(name, NOT_READ) for part in parts]) for name in CPU}


def _mean(parts: Sequence[Signal]) -> Signal:
    readings = complete(parts)
    if isinstance(readings, Absent):
        return readings
    return joined(readings, fmean(reading.value for reading in readings), Unit.RATIO)


def _ratio(pages: Pages, requests: Mapping[str, float], now: float, limits: Thresholds) -> Signal:
    asked = math.fsum(requests.values())
    if not asked > 0:
        return NO_REQUEST
    counts: Callable[[str], bool] = (lambda _: True) if "" in requests else requests.__contains__
    measured = any(scrape.named(CORES) for scrape in pages.scrapes)
    used = _measured(pages, counts) if measured else _counted(pages, counts)
    if used is None:
        return Absent("fewer than two samples of its CPU time") if _seen(pages) else NOT_READ
    if is_stale(used.at, now, limits):
        return stale(limits)
    series = tuple(Point(point.at, point.value / asked) for point in used.series)
    return replace(used, value=used.value / asked, unit=Unit.RATIO, series=series)


def _seen(pages: Pages) -> bool:
    return any(scrape.named(USAGE) for scrape in pages.scrapes)


def _measured(pages: Pages, counts: Callable[[str], bool]) -> Reading | None:
    """Cores as they were measured elsewhere: the newest."""
    found = ((scrape.at, _values(scrape.named(CORES), counts)) for scrape in pages.scrapes)
    points = tuple(Point(at, math.fsum(values.values())) for at, values in found if values)
    if not points:
        return None
    return Reading(points[-1].value, Unit.COUNT, points[-1].at, CORES, points[-1].at - points[0].at, points)


def _counted(pages: Pages, counts: Callable[[str], bool]) -> Reading | None:
    """Cores by counters: the mean over the pages. Containers stand apart, the kubelet stamps each with its own time."""
    names = {row.labels.get("container", "") for scrape in pages.scrapes for row in scrape.named(USAGE)}
    each = [steps for name in sorted(names) if counts(name) and (steps := _gains(pages, USAGE, name))]
    if not each:
        return None
    lengths = [math.fsum(at - start for start, at, _ in steps) for steps in each]
    gains = [math.fsum(gain for _, _, gain in steps) for steps in each]
    rates = [[Point(at, gain / (at - start)) for start, at, gain in steps] for steps in each]
    return Reading(
        value=math.fsum(gain / length for gain, length in zip(gains, lengths, strict=True)),
        unit=Unit.COUNT,
        at=min(steps[-1][1] for steps in each),
        source=USAGE,
        window=min(lengths),
        series=windows.total(rates),
    )


def _gains(pages: Pages, name: str, container: str) -> list[tuple[float, float, float]]:
    """(start, at, gain) of one container's counter; one that began anew has counted from zero."""
    read = ((scrape.at, _values(scrape.named(name), container.__eq__)) for scrape in pages.scrapes)
    having = [(at, values[container]) for at, values in read if values]
    pairs = pairwise(having)
    return [(start, at, after - before if after >= before else after) for (start, before), (at, after) in pairs]


def _values(rows: Iterable[Sample], counts: Callable[[str], bool]) -> dict[str, float]:
    """By container; two rows of one container (an old and a new group, two copies of a scrape) count once."""
    found: dict[str, float] = {}
    for row in rows:
        container = row.labels.get("container", "")
        if container not in _PAUSE and counts(container) and math.isfinite(row.value) and row.value >= 0:
            found[container] = max(found.get(container, 0.0), row.value)
    return found


def _throttled(pages: Pages) -> Signal:
    """Share of the scheduling periods in which the limit stopped a container; the worst container's."""
    if any(scrape.named(CORES) for scrape in pages.scrapes):
        return NO_THROTTLING
    names = {row.labels.get("container", "") for scrape in pages.scrapes for row in scrape.named(PERIODS)}
    shares = [share for name in names if (share := _share(pages, name)) is not None]
    if not shares:
        return NO_LIMIT if _seen(pages) else NOT_READ
    value, at, seconds = max(shares)
    return Reading(min(1.0, value), Unit.FRACTION, at, THROTTLED, seconds)


def _share(pages: Pages, container: str) -> tuple[float, float, float] | None:
    """(share, newest sample, seconds of data) of one container."""
    periods, stopped = _gains(pages, PERIODS, container), _gains(pages, THROTTLED, container)
    total = math.fsum(gain for _, _, gain in periods)
    if not total or not stopped:
        return None
    seconds = math.fsum(at - start for start, at, _ in periods)
    return math.fsum(gain for _, _, gain in stopped) / total, periods[-1][1], seconds
