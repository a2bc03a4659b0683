"""Pods as replicas, how requests reach them, and how long a new one takes to serve."""

from collections.abc import Iterable, Mapping
from typing import Any

from scalewarden.model.duration import unix_seconds
from scalewarden.model.workload import Replica, Routing
from scalewarden.sources.workloads import child, children, workload_of

Object = Mapping[str, Any]

_ORDINAL_LABELS = ("apps.kubernetes.io/pod-index", "leaderworkerset.sigs.k8s.io/group-index")
_STARTS_SEEN = 5
_LONGEST_START = 3600.0  # a readiness that came back later than this is no start


def replica_of(pod: Object) -> Replica:
    """One pod as the API server returns it; signals and GPUs come from elsewhere."""
    metadata, spec = child(pod, "metadata"), child(pod, "spec")
    condition = _condition(pod, "Ready")
    node = spec.get("nodeName")
    ready = condition.get("status") == "True" and not metadata.get("deletionTimestamp")
    since = _instant(condition.get("lastTransitionTime")) or _instant(metadata.get("creationTimestamp"))
    return Replica(
        pod=str(metadata.get("name", "")),
        ready=ready,
        ready_since=since if ready else None,
        unready_since=None if ready else since,
        node=node if isinstance(node, str) else None,
        ordinal=_ordinal(pod),
        max_num_seqs=workload_of(pod).max_num_seqs,
        restarted_at=_restarted_at(pod),
    )


def lives(pod: Object) -> bool:
    """False for a pod that has ended (evicted, failed, completed): it is no replica."""
    return child(pod, "status").get("phase") not in ("Succeeded", "Failed")


def _condition(pod: Object, kind: str) -> Object:
    conditions = children(child(pod, "status"), "conditions")
    return next((one for one in conditions if one.get("type") == kind), {})


def _instant(text: object) -> float | None:
    try:
        return unix_seconds(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _ordinal(pod: Object) -> int | None:
    labels = child(pod, "metadata", "labels")
    found = next((str(labels[label]) for label in _ORDINAL_LABELS if label in labels), None)
    if found is None and any(one.get("kind") == "StatefulSet" for one in _owners(pod)):
        found = str(child(pod, "metadata").get("name", "")).rpartition("-")[2]
    return int(found) if found is not None and found.isdecimal() else None


def _owners(pod: Object) -> list[Object]:
    return children(child(pod, "metadata"), "ownerReferences")


def _restarted_at(pod: Object) -> float | None:
    """The newest start of a container that was restarted: since then its counters run from zero."""
    statuses = children(child(pod, "status"), "containerStatuses")
    starts = [_instant(child(one, "state", "running").get("startedAt")) for one in statuses if one.get("restartCount")]
    return max((start for start in starts if start is not None), default=None)


def cold_start_of(pods: Iterable[Object]) -> float | None:
    """Seconds from creation to ready: the slowest of the pods that started last; None where none is known.

    Pods that were restarted do not say: their readiness is of a later start.
    """
    starts = [start for pod in pods if (start := _start(pod)) is not None]
    recent = sorted(starts)[-_STARTS_SEEN:]
    return max((seconds for _, seconds in recent), default=None)


def _start(pod: Object) -> tuple[float, float] | None:
    """(creation, seconds until ready) of a pod that serves since its first start."""
    created = _instant(child(pod, "metadata").get("creationTimestamp"))
    condition = _condition(pod, "Ready")
    became = _instant(condition.get("lastTransitionTime"))
    if created is None or became is None or condition.get("status") != "True" or _restarted_at(pod) is not None:
        return None
    return (created, became - created) if 0 < became - created <= _LONGEST_START else None


def routing_of(services: Iterable[Object], labels: Mapping[str, str]) -> Routing:
    """Sticky where a Service that selects pods with these labels keeps clients to one pod, else Even."""
    selecting = (one for one in services if _selects(one, labels))
    sticky = any(child(one, "spec").get("sessionAffinity") == "ClientIP" for one in selecting)
    return Routing.STICKY if sticky else Routing.EVEN


def _selects(service: Object, labels: Mapping[str, str]) -> bool:
    selector = child(service, "spec", "selector")
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
