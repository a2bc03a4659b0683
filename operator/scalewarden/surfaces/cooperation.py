"""What autoscalers, ReplicaSets and drains are told, so that they do what is safe by themselves. Nothing is refused."""

from collections.abc import Mapping
from math import inf
from typing import Any

from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.signals.freshness import required, usable
from scalewarden.surfaces.events import Action, EventReason, Notice, Subjects
from scalewarden.surfaces.refusal import one_line

Object = dict[str, Any]

ALIKE = 0.1
"""Loads that differ by no more count as alike: noise of KV usage must not rewrite pods at every look."""
COSTED = ("Deployment",)
"""Targets whose pods go in the order of their deletion cost; a StatefulSet's go by ordinal."""
BUDGETED = ("Deployment", "StatefulSet")
"""Targets whose pods are their replicas, and which hold the selector of them."""
MANAGED_BY, OURS = "app.kubernetes.io/managed-by", "scalewarden-cooperate"
MOST_NAME = 240


def pauses(entry: Object | None, desired: int) -> bool:
    """True where no autoscaler may take one replica away: KEDA's pause knows no count, so it must not hold more."""
    return entry is not None and 0 < desired <= entry["autoscalerReplicas"]


def deletion_costs(snapshot: Snapshot, safe: int, before: Mapping[str, int]) -> dict[str, int]:
    """Costs by pod: of the replicas that may go (above `safe`), the idlest has the lowest; all others keep 0.

    before: the costs that we set. They stay while they are in order, give or take `ALIKE`. A replica whose load is
    not known is not called idle.
    """
    removable = max(0, snapshot.replicas_desired - safe)
    loads = loads_of(snapshot)
    fresh = sorted(loads, key=lambda pod: (loads[pod], pod))[:removable]
    present = sorted(before, key=lambda pod: before[pod])
    kept = len(present) == len(fresh) and _in_order(present, loads)
    return {pod: number - len(fresh) for number, pod in enumerate(present if kept else fresh)}


def _in_order(marked: list[str], loads: Mapping[str, float]) -> bool:
    """True where each goes before those that are busier, and all before those that are not marked."""
    if not set(marked) <= loads.keys():
        return False
    idlest_after = min((load for pod, load in loads.items() if pod not in marked), default=inf)
    for pod in reversed(marked):
        if loads[pod] > idlest_after + ALIKE:
            return False
        idlest_after = min(idlest_after, loads[pod])
    return True


def loads_of(snapshot: Snapshot) -> dict[str, float]:
    """KV usage plus the share of the service's running requests, each 0-1, by pod; only where both are known.

    An engine that never exports KV usage is ranked by its requests.
    """
    ready = [replica for replica in snapshot.ready if not replica.terminating]
    running = {one.pod: _value(one, SignalName.RUNNING, snapshot) for one in ready}
    total = sum(value for value in running.values() if value is not None) or 1.0
    has_usage = SignalName.KV_USAGE in required(snapshot)
    found = {}
    for replica in ready:
        usage = _value(replica, SignalName.KV_USAGE, snapshot) if has_usage else 0.0
        mine = running[replica.pod]
        if usage is not None and mine is not None:
            found[replica.pod] = usage + mine / total
    return found


def _value(replica: Replica, name: SignalName, snapshot: Snapshot) -> float | None:
    reading = usable(replica.signal(name), snapshot)
    return reading.value if reading else None


def budget_name(service: str) -> str:
    """Of the PodDisruptionBudget of an InferenceDeployment."""
    return f"{service[:MOST_NAME]}-scalewarden"


def budget(owner: Object, selector: Object, floor: int) -> Object:
    """The PodDisruptionBudget that keeps `floor` pods; it goes with its owner, the InferenceDeployment.

    Pods that are not ready may always be evicted: they serve nobody.
    """
    metadata = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
    reference |= {"name": metadata["name"], "uid": metadata["uid"]}
    return {
        "metadata": {
            "namespace": metadata["namespace"],
            "name": budget_name(metadata["name"]),
            "labels": {MANAGED_BY: OURS},
            "ownerReferences": [reference],
        },
        "spec": {"minAvailable": floor, "selector": selector, "unhealthyPodEvictionPolicy": "AlwaysAllow"},
    }


def is_our_budget(found: Object) -> bool:
    """True for a PodDisruptionBudget that Scalewarden wrote."""
    return bool((found["metadata"].get("labels") or {}).get(MANAGED_BY) == OURS)


def same_budget(found: Object, wanted: Object) -> bool:
    """True where what is there says what is wanted."""
    owners = [one.get("uid") for one in found["metadata"].get("ownerReferences") or ()]
    return found["spec"] == wanted["spec"] and owners == [wanted["metadata"]["ownerReferences"][0]["uid"]]


def backs_off(text: str, about: Subjects) -> Notice:
    """The event of an arrangement that is somebody else's to make; text says whose, and what to do."""
    reason = EventReason.COOPERATION_BACKED_OFF
    return Notice(reason, one_line(text), about.service, about.target, Action.COOPERATE, warning=True, key=text)
