"""Requests in flight: the smallest proof that a service is not idle, and what it takes to prove that it is."""

from collections.abc import Iterator

from scalewarden.model.signal import Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import look
from scalewarden.rules.look import Look


def in_flight(snapshot: Snapshot) -> list[Look]:
    """Running and waiting over `pressureWindow` on every replica, stuck and not-ready ones and those that only just
    left included: a request on a sick or a draining pod is still somebody's request. With the gateway's queue."""
    looks = [seen for replica in _everyone(snapshot) for seen in _load(snapshot, replica)]
    gateway = snapshot.signal(SignalName.GATEWAY_WAITING)
    if isinstance(gateway, Reading):
        looks.append(_series(snapshot, "the gateway", SignalName.GATEWAY_WAITING, gateway))
    return looks


def busiest(looks: list[Look]) -> Look | None:
    """The one with the most requests at any sample; None where there was never one."""
    seen = [one for one in looks if max(one.values, default=0.0) > 0]
    return max(seen, key=lambda one: max(one.values), default=None)


def ready_only(looks: list[Look], snapshot: Snapshot) -> list[Look]:
    """Those that must be known before a service may be called idle: pods that do not serve need not report."""
    ready = {replica.pod for replica in snapshot.ready}
    return [one for one in looks if one.where in ready]


def _everyone(snapshot: Snapshot) -> Iterator[Replica]:
    yield from snapshot.replicas
    if snapshot.history is not None:
        horizon = snapshot.at - snapshot.thresholds["afterFall"]
        yield from (removed.replica for removed in snapshot.history.removed if removed.at > horizon)


def _load(snapshot: Snapshot, replica: Replica) -> Iterator[Look]:
    for name in (SignalName.RUNNING, SignalName.WAITING):
        yield _series(snapshot, replica.pod, name, replica.signal(name))


def _series(snapshot: Snapshot, where: str, name: SignalName, signal: Signal) -> Look:
    return look.series(snapshot, where, name, signal, snapshot.thresholds["pressureWindow"])
