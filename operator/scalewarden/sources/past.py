"""Which pods were a service's own in the past: those of its present template, for another one has another speed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.model.duration import unix_seconds
from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.sources.prometheus_query import any_of, literal, quoted

Object = Mapping[str, Any]

MOST_PODS = 20
"""Living pods of which all are asked for: 20 for a day give 29,000 points a signal, about 1 MB, and a baseline keeps
far fewer samples. Of more, the 20 oldest are asked for by name."""
_REVISION = "controller-revision-hash"
_RANDOM = re.compile(r"[a-z0-9]{5}$")


@dataclass(frozen=True, slots=True)
class Past:
    """Whose history. pods: a quoted regular expression of their names. born: since when (unix seconds) a pod of that
    name is this one, empty where names are never used again. latencies: those with an objective."""

    namespace: str
    pods: str
    engine: Engine
    born: Mapping[str, float] = field(default_factory=dict)
    latencies: frozenset[SignalName] = frozenset()


def past_of(
    namespace: str, pods: Sequence[Object], engine: Engine, latencies: frozenset[SignalName] = frozenset()
) -> Past | None:
    """Of a service whose living pods these are; None without any.

    A ReplicaSet's pods carry the hash of their template in their names, so those of the past are found by it, and
    those of other templates are not. Where names are used again (StatefulSets), only living pods of the newest
    revision count, each since it was created.
    """
    if not pods:
        return None
    ordered = sorted(pods, key=lambda pod: (_created(pod), pod["metadata"]["name"]))
    stem = _stem(ordered[-1])
    same = [pod for pod in ordered if _make(pod) == _make(ordered[-1])]
    if stem and len(same) <= MOST_PODS:
        return Past(namespace, quoted(literal(stem) + "[a-z0-9]{5}"), engine, {}, latencies)
    born = {str(pod["metadata"]["name"]): _created(pod) for pod in same[:MOST_PODS]}
    return Past(namespace, any_of(sorted(born)), engine, born, latencies)


def _stem(pod: Object) -> str:
    """What the names of all pods of one ReplicaSet begin with; empty for other pods."""
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or []
    name = str(metadata["name"])
    of_set = any(one.get("kind") == "ReplicaSet" for one in owners) and _RANDOM.search(name)
    return name[:-5] if of_set else ""


def _make(pod: Object) -> str:
    """What pods of one template share."""
    return _stem(pod) or str((pod["metadata"].get("labels") or {}).get(_REVISION, ""))


def _created(pod: Object) -> float:
    try:
        return unix_seconds(str(pod["metadata"].get("creationTimestamp", "")))
    except ValueError:
        return 0.0
