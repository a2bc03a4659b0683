"""Pods as replicas, and how requests reach them."""

from collections.abc import Iterable, Mapping
from typing import Any

from scalewarden.model.duration import unix_seconds
from scalewarden.model.workload import Replica, Routing
from scalewarden.sources.quantity import quantity
from scalewarden.sources.requests import cpu_requests
from scalewarden.sources.tree import child, children
from scalewarden.sources.workloads import serving_container, workload_of

Object = Mapping[str, Any]

_ORDINAL_LABELS = ("apps.kubernetes.io/pod-index", "leaderworkerset.sigs.k8s.io/group-index")
_LONGEST_REASON = 64


def replica_of(pod: Object) -> Replica:
    """One pod as the API server returns it; signals and GPUs come from elsewhere."""
    metadata, spec = child(pod, "metadata"), child(pod, "spec")
    condition = condition_of(pod, "Ready")
    node, leaving = spec.get("nodeName"), bool(metadata.get("deletionTimestamp"))
    ready = condition.get("status") == "True" and not leaving
    since = instant_of(condition.get("lastTransitionTime")) or instant_of(metadata.get("creationTimestamp"))
    serving = _serving_status(pod)
    return Replica(
        pod=str(metadata.get("name", "")),
        ready=ready,
        ready_since=since if ready else None,
        unready_since=None if ready else _left_at(pod, condition, since),
        node=node if isinstance(node, str) else None,
        ordinal=_ordinal(pod),
        max_num_seqs=workload_of(pod).max_num_seqs,
        restarted_at=_newest_start(serving),
        restarts=_restarts(serving),
        last_termination=_last_termination(serving),
        terminating=leaving,
        cpu_requests=cpu_requests(spec),
    )


def _left_at(pod: Object, condition: Object, since: float | None) -> float | None:
    """Since when a pod does not serve: one that is deleted while ready, since it was asked to end."""
    metadata = child(pod, "metadata")
    deadline = instant_of(metadata.get("deletionTimestamp"))
    if deadline is None or condition.get("status") != "True":
        return since
    return deadline - (quantity(metadata.get("deletionGracePeriodSeconds")) or 0.0)


def lives(pod: Object) -> bool:
    """False for a pod that has ended (evicted, failed, completed): it is no replica."""
    return child(pod, "status").get("phase") not in ("Succeeded", "Failed")


def condition_of(pod: Object, kind: str) -> Object:
    """The pod's condition of a type; empty where it has none."""
    conditions = children(child(pod, "status"), "conditions")
    return next((one for one in conditions if one.get("type") == kind), {})


def instant_of(text: object) -> float | None:
    """Unix seconds of a timestamp; None for anything else."""
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


def _serving_status(pod: Object) -> list[Object]:
    """The status of the serving container; of all where it is not among them."""
    statuses = children(child(pod, "status"), "containerStatuses")
    name = serving_container(child(pod, "spec")).get("name")
    return [one for one in statuses if name is not None and one.get("name") == name] or statuses


def _newest_start(statuses: Iterable[Object]) -> float | None:
    """The newest start of a container that was restarted: since then its counters run from zero."""
    starts = [
        instant_of(child(one, "state", "running").get("startedAt")) for one in statuses if one.get("restartCount")
    ]
    return max((start for start in starts if start is not None), default=None)


def _restarts(statuses: Iterable[Object]) -> int | None:
    counts = [one.get("restartCount") for one in statuses]
    return max((count for count in counts if isinstance(count, int) and not isinstance(count, bool)), default=None)


def _last_termination(statuses: Iterable[Object]) -> str | None:
    """Why it ended last: `OOMKilled`, `Error`, `Completed`; now, or before its newest start."""
    for one in statuses:
        for state in ("state", "lastState"):
            reason = child(one, state, "terminated").get("reason")
            if isinstance(reason, str) and reason:
                return reason[:_LONGEST_REASON]
    return None


def routing_of(services: Iterable[Object], labels: Mapping[str, str]) -> Routing:
    """Sticky where a Service that selects pods with these labels keeps clients to one pod, else Even."""
    selecting = (one for one in services if selects(one, labels))
    sticky = any(child(one, "spec").get("sessionAffinity") == "ClientIP" for one in selecting)
    return Routing.STICKY if sticky else Routing.EVEN


def selects(service: Object, labels: Mapping[str, str]) -> bool:
    """True for a Service that sends requests to pods with these labels."""
    selector = child(service, "spec", "selector")
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
