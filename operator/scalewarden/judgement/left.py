"""Who left since the last evaluation: known before anything is judged, so that no judgement takes the load of a removal
for gone while the replicas that stay do not show it yet."""

from dataclasses import replace

from scalewarden.model.signal import Point
from scalewarden.model.snapshot import History, Removed, Snapshot


def with_those_that_left(snapshot: Snapshot) -> Snapshot:
    """The snapshot whose history names also the replicas that this snapshot is the first to miss."""
    if snapshot.history is None:
        return snapshot
    return replace(snapshot, history=replace(snapshot.history, removed=_removed(snapshot, snapshot.history)))


def wanted(snapshot: Snapshot, before: History) -> tuple[Point, ...]:
    """The desired counts of the last `afterFall` seconds, this one included."""
    horizon = snapshot.at - snapshot.thresholds["afterFall"]
    return (*(p for p in before.wanted if p.at > horizon), Point(snapshot.at, float(snapshot.replicas_desired)))


def _removed(snapshot: Snapshot, before: History) -> tuple[Removed, ...]:
    """Replicas that left while the ready count fell; those that were replaced are not missed, also where a rollout
    starts the new one before the old one goes: more than were wanted lately, or left since, are not missed."""
    horizon = snapshot.at - snapshot.thresholds["afterFall"]
    here = {replica.pod for replica in snapshot.ready}
    recent = [one for one in before.removed if one.at > horizon and one.replica.pod not in here]
    left = [Removed(replica, snapshot.at) for replica in before.last_ready if replica.pod not in here]
    known = {one.replica.pod for one in recent}
    everyone = [*recent, *(one for one in left if one.replica.pod not in known)]
    served = len(before.last_ready) + len(recent)
    if before.wanted:
        most = int(max(point.value for point in wanted(snapshot, before)))
        served = min(served, max(most, snapshot.replicas_desired + len(recent)))
    missing = served - len(here)
    return tuple(everyone[-missing:]) if missing > 0 else ()
