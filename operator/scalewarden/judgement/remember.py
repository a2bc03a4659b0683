"""What one evaluation leaves behind for the next: pure bookkeeping over `History`."""

from dataclasses import replace

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.frontier import Frontier
from scalewarden.judgement.left import wanted
from scalewarden.judgement.regret import regret
from scalewarden.judgement.remember_scale_up import most_ready, scale_up
from scalewarden.judgement.safe_count import safe_now
from scalewarden.model.intent import Actor
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import DenyMemory, History, Snapshot
from scalewarden.model.verdict import Reason, Test
from scalewarden.rules.against_latency import remembered
from scalewarden.whatif import predict, trust
from scalewarden.whatif.case import case

EVIDENCE_FREE = frozenset({Reason.BELOW_MINIMUM, Reason.SIGNALS_MISSING, Reason.PARTIAL_COVERAGE})


def remember(judge: Judge, found: Frontier | None) -> History:
    """The history for the next snapshot; who left is in this one's already (`left.py`)."""
    snapshot = judge.snapshot
    before = snapshot.history or History(since=snapshot.at)
    good = _signals_good(judge)
    return replace(
        before,
        safe_counts=_safe_counts(judge, before),
        kv_denied=_kv_denied(judge, before),
        last_ready=snapshot.ready,
        wanted=wanted(snapshot, before),
        last_deny=_last_deny(judge, before, found, good),
        missing_since=_missing_since(snapshot, before, good),
        signals_good_since=(before.signals_good_since or snapshot.at) if good else None,
        stuck_since=(before.stuck_since or snapshot.at) if judge.fleet.stuck else None,
        most_ready=most_ready(snapshot, before),
        scale_up=scale_up(snapshot, before),
        pairs=remembered(snapshot),
        regret=regret(judge, found),
    )


def _signals_good(judge: Judge) -> bool:
    one = case(judge.snapshot, judge.fleet, judge.snapshot.replicas_desired, Actor.AUTOSCALER)
    return not (trust.coverage(one).decision.level or trust.sample_age(one).decision.level)


def _safe_counts(judge: Judge, before: History) -> tuple[Point, ...]:
    at = judge.snapshot.at
    horizon = at - judge.policy.stabilization
    count = safe_now(judge.snapshot, judge.passes, lowest=0)
    return (*(point for point in before.safe_counts if point.at > horizon), Point(at, count))


def _kv_denied(judge: Judge, before: History) -> dict[int, float]:
    """Raise or renew per count; a Deny is renewed only while the prediction is over the Allow line, and only by fresh
    evidence: as of its newest sample. While a rollout runs more than are wanted, none is raised: the extra ones go
    anyway, and would be counted as removed for an hour."""
    at, limits = judge.snapshot.at, judge.snapshot.thresholds
    surge = len(judge.snapshot.ready) > judge.snapshot.replicas_desired
    kept = {to: since for to, since in before.kv_denied.items() if at - since < limits["denyExpiry"]}
    for to in range(judge.snapshot.replicas_desired):
        one = case(judge.snapshot, judge.fleet, to, Actor.AUTOSCALER)
        value = predict.kv_cache_usage(one)
        if value is None:
            continue
        if (value >= limits["kvUsageDeny"] and not surge) or (to in kept and value > one.allow("kvUsageAllow")):
            kept[to] = max(kept.get(to, 0.0), min(at, judge.evidence_at))
    return kept


def _last_deny(judge: Judge, before: History, found: Frontier | None, good: bool) -> DenyMemory | None:
    """Remember a floor that rests on fresh evidence; keep it while blind; forget it once seen to be safe."""
    if not good:
        deny = before.last_deny
        return deny if deny and judge.snapshot.at < deny.expires_at else None
    if found is None or found.replicas == 0 or found.reason in EVIDENCE_FREE:
        return None
    return DenyMemory(found.replicas, found.reason, found.binding_test or Test.KV_CACHE_USAGE, found.expires_at)


def _missing_since(snapshot: Snapshot, before: History, good: bool) -> float | None:
    """When signals went missing; forgotten only after they have been good for a while."""
    if not good:
        return snapshot.at if before.missing_since is None else before.missing_since
    good_since = snapshot.at if before.signals_good_since is None else before.signals_good_since
    recovered = snapshot.at - good_since >= snapshot.thresholds["signalsRecovered"]
    return None if recovered else before.missing_since
