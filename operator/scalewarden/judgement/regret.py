"""Learning from what became of it: removals are watched, refusals are looked back at, and the margin follows.

The margin only ever takes from the Allow lines: no experience makes anything more permissive than the lines' sources.
"""

from dataclasses import replace

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.frontier import Frontier
from scalewarden.judgement.hurt import arrivals, grew, hurt, in_flight, peak, seen_well
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.regret import Held, Last, Outcome, Regret, Removal
from scalewarden.model.snapshot import History, Removed, Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.verdict import Decision, Test
from scalewarden.whatif import predict, uncertainty
from scalewarden.whatif.case import case
from scalewarden.whatif.fleet import fleet

BAD = frozenset({Outcome.REGRETTED})
GOOD = frozenset({Outcome.FINE, Outcome.NEEDLESS})


def regret(judge: Judge, found: Frontier | None, removed: tuple[Removed, ...] = ()) -> Regret:
    """The record for the next evaluation. removed: the replicas that just left, with their last load."""
    snapshot = judge.snapshot
    known = snapshot.history.regret if snapshot.history else None
    before = known or Regret(snapshot.replicas_desired)
    now = _held(judge, _removals(judge, _forgotten(before, snapshot), removed))
    return replace(now, desired=snapshot.replicas_desired, floor=found.autoscaler_replicas if found else 0)


def counted(known: Regret, last: Last, limits: Thresholds) -> Regret:
    """With one more outcome: a regret widens the margin, several good ones in a row give some of it back."""
    counts = {**known.counts, last.outcome: known.counts.get(last.outcome, 0) + 1}
    known = replace(known, counts=counts, last=last)
    if last.outcome in BAD:
        margin = min(round(known.margin + limits["marginStep"], 4), limits["marginMost"])
        return replace(known, margin=margin, good=0, changed_at=last.at)
    if last.outcome not in GOOD:
        return known
    if known.good + 1 < limits["marginForgive"]:
        return replace(known, good=known.good + 1)
    margin = max(0.0, round(known.margin - limits["marginStep"], 4))
    return replace(known, margin=margin, good=0, changed_at=last.at)


def _forgotten(known: Regret, snapshot: Snapshot) -> Regret:
    """A margin that nothing confirmed for `marginForget` is given up."""
    old = known.changed_at is not None and snapshot.at - known.changed_at >= snapshot.thresholds["marginForget"]
    return replace(known, margin=0.0, good=0, changed_at=None) if old else known


def _removals(judge: Judge, known: Regret, removed: tuple[Removed, ...]) -> Regret:
    snapshot, removal = judge.snapshot, known.removal
    if removal is not None:
        removal = replace(removal, hurt=removal.hurt or hurt(judge, removal.at))
        ended = snapshot.at - removal.at >= snapshot.thresholds["regretWatch"]
        if ended or snapshot.replicas_desired != removal.to:
            known = counted(replace(known, removal=None), _outcome(judge, removal, whole=ended), snapshot.thresholds)
        else:
            known = replace(known, removal=removal)
    if snapshot.replicas_desired < known.desired and snapshot.replicas_desired > 0 and snapshot.ready:
        known = replace(known, removal=_begun(snapshot, known, removed))
    return known


def _begun(snapshot: Snapshot, known: Regret, removed: tuple[Removed, ...]) -> Removal:
    """The survivors carry what leaves and what has just left."""
    to = snapshot.replicas_desired
    history = replace(snapshot.history or History(since=snapshot.at), removed=removed)
    whole = replace(snapshot, history=history)
    one = case(whole, fleet(whole), to, Actor.AUTOSCALER)
    predicted = predict.kv_cache_usage(one)
    return Removal(
        snapshot.at, known.desired, to, to >= known.floor, predicted, arrivals(snapshot), in_flight(snapshot)
    )


def _outcome(judge: Judge, removal: Removal, *, whole: bool) -> Last:
    """Regretted where it hurt and the load had not grown; not known where it was cut short or hardly seen."""
    snapshot = judge.snapshot
    measured = peak(judge, removal.at)
    told = (removal.predicted, measured)
    if removal.hurt and grew(snapshot, removal):
        return Last(removal.at, removal.to, Outcome.UNKNOWN, f"{removal.hurt}, and more requests came", *told)
    if removal.hurt:
        return Last(removal.at, removal.to, Outcome.REGRETTED, removal.hurt, *told)
    if not whole or not seen_well(judge):
        why = "the replica count changed again" if not whole else "the signals were missing"
        return Last(removal.at, removal.to, Outcome.UNKNOWN, why, *told)
    return Last(removal.at, removal.to, Outcome.FINE, "no pressure came of it", *told)


def _held(judge: Judge, known: Regret) -> Regret:
    """A refusal lasts until the same count would pass, or nobody has asked for it for a while; while the signals are
    missing nothing can be said of it, and it waits."""
    snapshot, held = judge.snapshot, known.held
    refused = snapshot.history.refused if snapshot.history else None
    fresh = refused is not None and snapshot.at - refused.at < snapshot.thresholds["regretAsked"]
    if held is None:
        return replace(known, held=Held(snapshot.at, refused.to)) if fresh and refused else known
    if not seen_well(judge):
        return known
    held = replace(held, needed=held.needed or _needed(judge, held.to))
    passes = judge.answer(Intent(snapshot.replicas_desired, held.to)).decision is Decision.ALLOW
    if not passes and fresh and refused is not None and refused.to == held.to:
        return replace(known, held=held)
    return counted(replace(known, held=None), _looked_back(held), snapshot.thresholds)


def _looked_back(held: Held) -> Last:
    if held.needed:
        return Last(held.at, held.to, Outcome.NEEDED, "the load of the time would not have fitted")
    return Last(held.at, held.to, Outcome.NEEDLESS, "the load of every instant would have fitted")


def _needed(judge: Judge, to: int) -> bool:
    """By the load of now alone: peaks that never coincided, waits and doubts do not count."""
    one = case(judge.snapshot, judge.fleet, to, Actor.AUTOSCALER)
    if one.s < 1:
        return bool(in_flight(judge.snapshot))
    found = uncertainty.kv_cache_usage(one)
    full = found is not None and found.low > one.limits["kvUsageAllow"]
    others = [result for result in judge.results(to, Actor.AUTOSCALER) if result.test in _LOAD]
    return full or any(result.decision is not Decision.ALLOW for result in others)


_LOAD = frozenset(
    {
        Test.PREEMPTIONS,
        Test.WAITING_PER_REPLICA,
        Test.WAITING_NEVER_ZERO,
        Test.CONCURRENCY,
        Test.THROUGHPUT,
        Test.INTER_TOKEN_LATENCY,
        Test.TIME_TO_FIRST_TOKEN,
        Test.END_TO_END_LATENCY,
    }
)
