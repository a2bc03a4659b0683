"""A service that is looked at every two minutes, for tests of what is learned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scalewarden.judgement.learn import learn
from scalewarden.model.baseline import Learned
from scalewarden.model.signal import Point, Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from tests import builders as build

EVERY = 120.0


def worker(tps: float | None = 500.0, *, waiting: Any = 3.0, kv: Any = 0.5, **more: Any) -> Replica:
    """A replica that has served for an hour with a queue that never emptied; `tps` in tokens/s."""
    defaults: dict[str, Any] = {
        "running": 16.0,
        "preemptions": 0.0,
        "ready_since": build.AT - 3600,
        "gen_tps": tps,
        "pod": "llama-70b-0",
    }
    return build.replica(waiting=waiting, kv=kv, **{**defaults, **more})


def at_time(snapshot: Snapshot, at: float) -> Snapshot:
    """The same service at another instant; ages of pods do not move."""
    by = at - snapshot.at
    return replace(
        snapshot,
        at=at,
        replicas=tuple(replace(one, signals=_moved(one.signals, by)) for one in snapshot.replicas),
        signals=_moved(snapshot.signals, by),
    )


def _moved(signals: Any, by: float) -> dict[SignalName, Signal]:
    return {name: _later(signal, by) for name, signal in signals.items()}


def _later(signal: Signal, by: float) -> Signal:
    if not isinstance(signal, Reading):
        return signal
    points = tuple(Point(point.at + by, point.value) for point in signal.series)
    return replace(signal, at=signal.at + by, series=points)


def taught(*rates: float, before: Learned | None = None, start: float = build.AT, **more: Any) -> Learned:
    """What is known after one look a rate, two minutes apart."""
    learned = before
    for index, rate in enumerate(rates):
        learned = learn(learned, at_time(build.snapshot([worker(rate, **more)]), start + index * EVERY))
    assert learned is not None
    return learned
