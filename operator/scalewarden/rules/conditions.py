"""Conditions that several rules ask about one replica; each holds, does not hold, or cannot be told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scalewarden.model.finding import Evidence
from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Replica
from scalewarden.rules import look
from scalewarden.rules.look import Look
from scalewarden.signals import trends, windows


@dataclass(frozen=True, slots=True)
class Condition:
    """`holds` is None where the signals do not suffice; `what` is the fact in words, or what is missing."""

    holds: bool | None
    what: str
    evidence: tuple[Evidence, ...] = ()


def any_of(conditions: Iterable[Condition]) -> bool | None:
    """True if one holds, False if none does, None if that cannot be told."""
    answers = {condition.holds for condition in conditions}
    if True in answers:
        return True
    return None if None in answers else False


def first(conditions: Sequence[Condition], holds: bool | None) -> Condition:
    """The first condition with that answer; there must be one."""
    return next(condition for condition in conditions if condition.holds is holds)


def until_denied(conditions: Iterable[Condition]) -> list[Condition]:
    """All of them, or those up to the first that is shown not to hold: what comes after is not worked out."""
    found: list[Condition] = []
    for condition in conditions:
        found.append(condition)
        if condition.holds is False:
            break
    return found


def unmet(conditions: Sequence[Condition]) -> Condition | None:
    """What keeps all of them from holding: the first shown not to hold, else the first that cannot be told."""
    missing = [condition for condition in conditions if not condition.holds]
    return next((condition for condition in missing if condition.holds is False), next(iter(missing), None))


def not_known(seen: Look) -> Condition:
    """A condition that cannot be told, and the signal that is to blame."""
    return Condition(None, f"{seen.name.value} is not known on {seen.where} ({seen.gap})")


def kv_full(replica: Replica, snapshot: Snapshot) -> Condition:
    """KV usage reached `kvUsageDeny` within the window."""
    name, line = SignalName.KV_USAGE, snapshot.thresholds["kvUsageDeny"]
    seen = look.series(snapshot, replica.pod, name, replica.signal(name), snapshot.thresholds["pressureWindow"])
    peak = max(seen.values, default=0.0)
    if peak < line and seen.gap:
        return not_known(seen)
    what = (
        f"KV-cache usage peaked at {look.shown(peak, line)} on {replica.pod} (line {line:.2f}){look.shortness([seen])}"
    )
    return Condition(peak >= line, what, seen.evidence(peak, line))


def kv_pressed(cache: Look, limits: Thresholds) -> Condition | None:
    """The number that shows pressure on a cache, against the line it met; None where there is none: `kvUsageDeny` in
    two samples in a row, `kvUsageSpike` in one, or a mean of `kvMeanRising` that rises."""
    peak, mean = max(cache.values, default=0.0), cache.mean or 0.0
    held = max((min(pair) for pair in pairwise(cache.values)), default=0.0)
    for value, line in ((held, limits["kvUsageDeny"]), (peak, limits["kvUsageSpike"])):
        if value >= line:
            what = f"it peaked at {look.shown(peak, line)} on {cache.where} (line {line:.2f})"
            return Condition(True, what, cache.evidence(peak, line))
    line, trend = limits["kvMeanRising"], trends.rising(cache.span.points, limits)
    if mean < line or trend is None or windows.rounded(trend.rise) < limits["kvRising"]:
        return None
    what = f"it averages {look.shown(mean, line)} and rises on {cache.where} (line {line:.2f})"
    return Condition(True, what, cache.evidence(mean, line))


def queue_stands(replica: Replica, snapshot: Snapshot) -> Condition:
    """Requests waited at every sample of the last `waitingNeverZero` seconds on this replica."""
    name, seconds = SignalName.WAITING, snapshot.thresholds["waitingNeverZero"]
    return standing(look.lasting(snapshot, replica.pod, name, replica.signal(name), seconds))


def standing(queue: Look) -> Condition:
    """A queue that was never empty; one empty sample denies it, however short the data."""
    ever_empty = min(queue.values, default=0.0) <= 0
    if not (queue.fresh if ever_empty else queue.span.enough):
        return not_known(queue)
    newest = queue.values[-1]
    if ever_empty:
        return Condition(False, f"the queue of {queue.where} was empty at times", queue.evidence(newest, 0.0))
    what = f"requests waited on {queue.where} without a break ({newest:.0f} now){look.shortness([queue])}"
    return Condition(True, what, queue.evidence(newest, 0.0))


def preempting(replica: Replica, snapshot: Snapshot) -> Condition:
    """The engine evicted running requests within the window."""
    name, line = SignalName.PREEMPTIONS, snapshot.thresholds["preemptions"]
    seen = look.number(snapshot, replica.pod, name, replica.signal(name))
    count = seen.value or 0.0
    if count <= line and seen.gap:
        return not_known(seen)
    return Condition(count > line, f"{count:.0f} preemptions on {replica.pod}", seen.evidence(count, line))


def batch_limit(replica: Replica, snapshot: Snapshot) -> int | None:
    """The replica's own batch limit (sequences), else the one in the pod template."""
    return replica.max_num_seqs or snapshot.workload.max_num_seqs


def batch_filled(replica: Replica, snapshot: Snapshot) -> Condition:
    """The batch (p95 of running sequences) reached `concurrencyAllow` of its limit."""
    limit, line = batch_limit(replica, snapshot), snapshot.thresholds["concurrencyAllow"]
    name = SignalName.EFF_BATCH
    seen = look.number(snapshot, replica.pod, name, replica.signal(name))
    if seen.gap or seen.value is None:
        return not_known(seen)
    if limit is None:
        return Condition(None, f"the batch limit of {replica.pod} is not known")
    filled = windows.rounded(seen.value / limit)
    what = f"the batch of {replica.pod} reached {filled:.0%} of its limit of {limit} sequences (line {line:.0%})"
    return Condition(filled >= line, what, seen.evidence(seen.value, windows.rounded(line * limit)))


def itl_missed(replica: Replica, snapshot: Snapshot) -> Condition:
    """ITL p95 of the replica, else of the service, is over its objective; not known where none is declared."""
    name, objective = SignalName.ITL_P95, snapshot.objectives.itl_p95
    if objective is None:
        return Condition(None, "no objective for inter-token latency is declared")
    own = isinstance(replica.signal(name), Reading)
    signal = replica.signal(name) if own else snapshot.signal(name)
    seen = look.number(snapshot, replica.pod if own else "the service", name, signal)
    count = seen.reading.observations if seen.reading else None
    few = count is not None and count < snapshot.thresholds["latencyObservations"]
    if seen.gap or seen.value is None or few:
        return Condition(None, f"{name.value} of {seen.where} is not known ({seen.gap or 'too few observations'})")
    line = windows.rounded(snapshot.thresholds["latencyDeny"] * objective)
    what = f"{name.value} of {seen.where} is {seen.value * 1000:.0f} ms (objective {objective * 1000:.0f} ms)"
    return Condition(seen.value > line, what, seen.evidence(seen.value, line))
