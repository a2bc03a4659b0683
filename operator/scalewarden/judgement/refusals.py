"""What became of a refusal: the load that came is held against the count that was refused."""

from dataclasses import replace

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.hurt import in_flight, seen_well
from scalewarden.judgement.margin import counted
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.regret import Held, Last, Outcome, Refused, Regret
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Test
from scalewarden.whatif import uncertainty
from scalewarden.whatif.case import case


def looked_back(judge: Judge, known: Regret) -> Regret:
    """One refusal at a time is looked back at: for `regretWatch`, and for as long as it lasts.

    One that was soon let pass tells nothing: the removal that follows does.
    """
    snapshot, held, asked = judge.snapshot, known.held, _asked(judge.snapshot)
    if held is None:
        begins = asked is not None and asked.at > known.answered and _by_load(judge, asked.to)
        return replace(known, held=Held(snapshot.at, asked.to)) if begins and asked else known
    held = _looked_at(judge, held)
    done = replace(known, held=None, answered=snapshot.at)
    if snapshot.replicas_desired <= held.to and not held.needed:
        return done
    if _lasts(judge, held, asked):
        return replace(known, held=held)
    return counted(done, _looked_back(held), snapshot.thresholds)


def _asked(snapshot: Snapshot) -> Refused | None:
    """The newest refusal, while it counts as still wanted."""
    refused = snapshot.history.refused if snapshot.history else None
    return refused if refused and snapshot.at - refused.at < snapshot.thresholds["regretAsked"] else None


def _by_load(judge: Judge, to: int) -> bool:
    """A decrease that no declared minimum forbids: that one is policy, and no load makes it needless."""
    return (judge.policy.min_replicas or 0) <= to < judge.snapshot.replicas_desired


def _looked_at(judge: Judge, held: Held) -> Held:
    if not seen_well(judge):
        return replace(held, blind=True)
    return replace(held, needed=held.needed or _needed(judge, held.to))


def _lasts(judge: Judge, held: Held, asked: Refused | None) -> bool:
    """Still refused and asked for; or not needed so far, and the time is not over."""
    snapshot = judge.snapshot
    if not held.needed and snapshot.at - held.at < snapshot.thresholds["regretWatch"]:
        return True
    passes = judge.answer(Intent(snapshot.replicas_desired, held.to)).decision is Decision.ALLOW
    return asked is not None and asked.to <= held.to and not passes


def _looked_back(held: Held) -> Last:
    if held.needed:
        return Last(held.at, held.to, Outcome.NEEDED, "the load of the time would not have fitted")
    if held.blind:
        return Last(held.at, held.to, Outcome.UNKNOWN, "the signals were missing")
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
