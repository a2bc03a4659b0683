"""How long a new pod takes to serve: measured on those that are there, and remembered when they are gone."""

from collections.abc import Iterable, Mapping
from typing import Any

from scalewarden.model.baseline import ColdStart
from scalewarden.sources.pods import condition_of, instant_of
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

REMEMBERED = 5
LONGEST = 3600.0
"""Seconds; a readiness that came back later than this is no start."""


ColdStarts = tuple[ColdStart, ...]


def cold_start_seen(pod: Object) -> ColdStart | None:
    """The start of a pod that serves since then; None where it cannot tell.

    Pods with a restarted container do not say: their readiness is of a later start.
    """
    metadata, condition = child(pod, "metadata"), condition_of(pod, "Ready")
    created, became = instant_of(metadata.get("creationTimestamp")), instant_of(condition.get("lastTransitionTime"))
    restarted = any(one.get("restartCount") for one in children(child(pod, "status"), "containerStatuses"))
    if created is None or became is None or condition.get("status") != "True" or restarted:
        return None
    seconds = became - created
    return ColdStart(created, seconds, str(metadata.get("name", ""))) if 0 < seconds <= LONGEST else None


def remember(known: ColdStarts, pods: Iterable[Object]) -> ColdStarts:
    """The newest five starts, of those known before and those that pods show now, oldest first.

    What was seen first of a pod stands: when it turns ready again later, that is no start. Equal arguments give an
    equal value, so that it may be kept anywhere between two calls.
    """
    seen = {(start.created_at, start.pod): start for pod in pods if (start := cold_start_seen(pod)) is not None}
    seen |= {(start.created_at, start.pod): start for start in known}
    return tuple(sorted(seen.values())[-REMEMBERED:])


def slowest(starts: ColdStarts) -> float | None:
    """Seconds of the slowest start; None without any."""
    return max((start.seconds for start in starts), default=None)


def cold_start_of(pods: Iterable[Object]) -> float | None:
    """Seconds from creation to ready: the slowest of the pods that started last; None where none is known."""
    return slowest(remember((), pods))
