"""What kube-state-metrics told of a service: series in, points out. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from scalewarden.errors import SourceUnavailable
from scalewarden.model.signal import Point
from scalewarden.sources.base import PodKey
from scalewarden.sources.prometheus_query import PLACES

MOST_REPLICAS = 1e6
"""Beyond it a count is none: no cluster has so many pods."""
LASTS = 3600.0
"""Seconds that what was told stands where kube-state-metrics does not tell it any more."""
APART = 120.0
"""Seconds: a second series of the same, of another copy, speaks where the first has been silent for so long."""


class Course(NamedTuple):
    """One series: in which cluster it was scraped, and what it said, oldest first."""

    place: tuple[str, ...]
    points: tuple[Point, ...]


def sort_told(
    result: Iterable[Mapping[str, Any]],
    label: str,
    ours: Callable[[PodKey], bool],
    into: dict[str, dict[PodKey, list[Course]]],
) -> None:
    """Add what was told of our objects, by series, and by namespace and the name in `label`. Raises LookupError,
    TypeError, ValueError or AttributeError for what is no series."""
    for series in result:
        metric = series["metric"]
        key = PodKey(str(metric.get("exported_namespace", metric.get("namespace", ""))), str(metric[label]))
        if ours(key):
            place = tuple(str(metric.get(name, "")) for name in PLACES)
            of_name = into.setdefault(str(metric["__name__"]), {})
            of_name.setdefault(key, []).append(Course(place, counts(series)))


def counts(series: Mapping[str, Any]) -> tuple[Point, ...]:
    """What is a count: neither NaN, as some servers write the end of a series, nor beyond measure. Raises as above."""
    points = (Point(float(at), float(value)) for at, value in series.get("values", ()))
    return tuple(point for point in points if 0.0 <= point.value < MOST_REPLICAS)


def together(courses: Iterable[Course]) -> list[Point]:
    """One course of several, oldest first: the longest, what came before and after it (of a pod that got its name
    again, of another kube-state-metrics), and of copies beside it what fills its silence."""
    found: list[Point] = []
    for one in sorted(courses, key=lambda one: -len(one.points)):
        fresh = [point for point in one.points if _outside(found, point.at) or not _near(found, point.at)]
        found = sorted([*found, *fresh], key=lambda point: point.at)
    return found


def followed(before: Sequence[Point], after: Sequence[Point], horizon: float) -> Sequence[Point]:
    """Both, without those that come twice, from the last one before `horizon` (unix seconds) on."""
    joined = [*(point for point in before if not after or point.at < after[0].at), *after]
    return joined[max(0, bisect_right(joined, horizon, key=lambda point: point.at) - 1) :]


def _outside(found: Sequence[Point], at: float) -> bool:
    return not found or not found[0].at <= at <= found[-1].at


def _near(found: Sequence[Point], at: float) -> bool:
    index = bisect_left(found, at, key=lambda point: point.at)
    return any(abs(point.at - at) <= APART for point in found[max(0, index - 1) : index + 1])


def one_place(places: Collection[tuple[str, ...]], where: str) -> None:
    """Raises SourceUnavailable where the same names stand for objects of several clusters."""
    if len(places) < 2:
        return
    label, values = next(
        (label, sorted(set(values))) for label, *values in zip(PLACES, *places, strict=True) if len(set(values)) > 1
    )
    shown = ", ".join(value or "none" for value in values[:5])
    cause = f"pods or objects of the same names are in several clusters: {label} is {shown}"
    raise SourceUnavailable(cause, where=where, hint=f"--prometheus-match {label}=NAME chooses one")
