"""Queries for servers that take no regular expression for the names of series, such as Google's. Pure.

A range selector has one name then, and range selectors cannot be joined. Expressions can: each name is evaluated on a
grid, only from samples of the last step so that nothing outlives its series, and is told apart by a label of ours.

    label_replace(last_over_time({__name__="a", …}[15s]), "scalewarden_series", "a", "", "") or label_replace(…

Samples then carry the instant of the grid, up to one step after their scrape. The query names only series that the
server says it has: one more question a minute.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scalewarden.sources.base import PodKey
from scalewarden.sources.prometheus_options import Wanted
from scalewarden.sources.prometheus_query import UP, Labels, matchers, quoted

_MARK = "scalewarden_series"


def expressions(
    pods: Iterable[PodKey], names: frozenset[str], wanted: Wanted, labels: Labels, step: float, longest: int
) -> tuple[str, ...]:
    """At most two expressions for what the server has (`names`) of what is wanted of `pods`."""
    keys = sorted(pods)
    both = ((names & {UP, *wanted.all}, labels), (names & wanted.exporter, labels.exported))
    return tuple(_union(sorted(found), keys, of, step, longest) for found, of in both if found)


def _union(names: list[str], keys: list[PodKey], labels: Labels, step: float, longest: int) -> str:
    bare = sum(len(_one(name, "", step)) + len(" or ") for name in names)
    which = matchers(keys, labels, max(0, longest - bare) // len(names))
    return " or ".join(_one(name, which, step) for name in names)


def _one(name: str, which: str, step: float) -> str:
    selector = f"{{__name__={quoted(name)},{which}}}[{math.ceil(step)}s]"
    return f'label_replace(last_over_time({selector}),"{_MARK}",{quoted(name)},"","")'


def renamed(result: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The series under their own names again."""
    for series in result:
        metric = dict(series["metric"])
        metric["__name__"] = metric.pop(_MARK)
        yield {**series, "metric": metric}


def on_grid(since: float, until: float, step: float) -> tuple[float, float]:
    """The first and the last instant of the grid within (since, until]."""
    return (math.floor(since / step) + 1) * step, math.floor(until / step) * step
