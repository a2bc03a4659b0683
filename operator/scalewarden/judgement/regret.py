"""Learning from what became of it: removals are watched, refusals are looked back at, and the margin follows.

The margin only ever takes from the Allow lines: no experience makes anything more permissive than the lines' sources.
"""

from dataclasses import replace

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.frontier import Frontier
from scalewarden.judgement.hurt import arrivals, in_flight
from scalewarden.judgement.margin import forgotten
from scalewarden.judgement.refusals import looked_back
from scalewarden.judgement.removals import watched
from scalewarden.model.regret import Regret


def regret(judge: Judge, found: Frontier | None) -> Regret:
    """The record for the next evaluation."""
    snapshot = judge.snapshot
    known = snapshot.history.regret if snapshot.history else None
    before = known or Regret(snapshot.replicas_desired)
    now = looked_back(judge, watched(judge, forgotten(before, snapshot)))
    return replace(
        now,
        desired=snapshot.replicas_desired,
        floor=found.autoscaler_replicas if found else 0,
        arrivals=arrivals(snapshot),
        in_flight=in_flight(snapshot),
    )
