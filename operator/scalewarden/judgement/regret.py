"""Learning from what became of it: removals are watched, refusals are looked back at, and the margin follows.

The margin only ever takes from the Allow lines: no experience makes anything more permissive than the lines' sources.
"""

from dataclasses import replace

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.frontier import Frontier
from scalewarden.judgement.margin import forgotten
from scalewarden.judgement.refusals import looked_back
from scalewarden.judgement.removals import watched
from scalewarden.model.regret import Regret
from scalewarden.model.snapshot import Removed


def regret(judge: Judge, found: Frontier | None, removed: tuple[Removed, ...] = ()) -> Regret:
    """The record for the next evaluation. removed: the replicas that just left, with their last load."""
    snapshot = judge.snapshot
    known = snapshot.history.regret if snapshot.history else None
    before = known or Regret(snapshot.replicas_desired)
    now = looked_back(judge, watched(judge, forgotten(before, snapshot), removed))
    return replace(now, desired=snapshot.replicas_desired, floor=found.autoscaler_replicas if found else 0)
