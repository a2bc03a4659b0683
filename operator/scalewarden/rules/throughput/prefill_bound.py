"""THR304 prefill-bound

Finds: a queue that waits for long prompts to be read, not for memory and not for a place in the batch.
Why: while prompts are computed few sequences decode, so the batch, the KV cache and often the utilization stay low in
    front of a standing queue. Read alone each of them says that there is room.
Reads: waiting, kv_usage, prefill_tps, gen_tps, running and the batch limit of every ready replica that is not stuck.
Fires when: on one replica the queue stands for waitingNeverZero, KV usage stays under kvUsageDeny for pressureWindow,
    running stays under the batch limit, and prompt tokens/s are prefillDominates times the generated ones or more.
Clear when: on every one of them one of these is shown not to hold.
Unknown when: neither can be said; for example where the engine counts generated tokens only at the end of an answer,
    or where the batch limit is not known and running does not move, as it would at that limit.
Do: use chunked prefill or prefix caching, or add prefill capacity.
References: a vLLM with 10 running and 90 waiting at a KV usage of 0.19 was bound by its prompts.
"""

from collections.abc import Callable

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, per_replica
from scalewarden.rules.conditions import Condition
from scalewarden.rules.rule import Rule
from scalewarden.signals.engines import LATE

RULE = Rule(
    code="THR304",
    name="prefill-bound",
    severity=Severity.WARNING,
    summary="Requests wait for long prompts to be read.",
    check_instead="prompt tokens/s against generated tokens/s beside the queue",
    remedy="Use chunked prefill or prefix caching, or add prefill capacity; a larger KV cache does not help.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_IS_WASTE,),
    reads=("waiting", "kv_usage", "prefill_tps", "gen_tps", "running", "max_num_seqs"),
    thresholds=("waitingNeverZero", "kvUsageDeny", "pressureWindow", "prefillDominates", "shortSpan", "shortSamples"),
)


def check(snapshot: Snapshot) -> Finding:
    """Judge every live replica by itself."""
    live = look.live(snapshot)
    answers = [_bound(replica, snapshot) for replica in live]
    return per_replica.finding(RULE, snapshot, answers, lambda what, where: f"prompts hold up {where}: {what}")


def _bound(replica: Replica, snapshot: Snapshot) -> Condition:
    """All four, or the first that is shown not to hold."""
    found = conditions.until_denied(needed(replica, snapshot) for needed in NEEDED)
    if unmet := conditions.unmet(found):
        return unmet
    queue, _, _, prompts = found
    return Condition(True, f"{prompts.what} while {queue.what}", tuple(e for one in found for e in one.evidence))


def _room_in_cache(replica: Replica, snapshot: Snapshot) -> Condition:
    full = conditions.kv_full(replica, snapshot)
    return Condition(None if full.holds is None else not full.holds, full.what, full.evidence)


def _room_in_batch(replica: Replica, snapshot: Snapshot) -> Condition:
    """Running stays under the batch limit; where that is not known, a running that moves is not held by one."""
    name, seconds = SignalName.RUNNING, snapshot.thresholds["waitingNeverZero"]
    seen = look.lasting(snapshot, replica.pod, name, replica.signal(name), seconds)
    if seen.gap:
        return conditions.not_known(seen)
    one, most = conditions.batch_limit(replica, snapshot), max(seen.values)
    limit = one * replica.engines if one else None
    if limit is not None:
        what = f"{replica.pod} runs {most:.0f} of at most {limit} sequences"
        return Condition(most < limit, what, seen.evidence(most, float(limit)))
    if len(set(seen.values)) > 1:
        return Condition(True, f"{replica.pod} runs up to {most:.0f} sequences", seen.evidence(most))
    return Condition(None, f"the batch limit of {replica.pod} is not known, and running stays at {most:.0f}")


def _prompts_dominate(replica: Replica, snapshot: Snapshot) -> Condition:
    """Prompt tokens/s are `prefillDominates` times the generated ones or more."""
    times = snapshot.thresholds["prefillDominates"]
    prompts, answers = (
        look.number(snapshot, replica.pod, name, replica.signal(name))
        for name in (SignalName.PREFILL_TPS, SignalName.GEN_TPS)
    )
    for seen in (prompts, answers):
        if seen.gap or seen.value is None or seen.reading is None:
            return conditions.not_known(seen)
    late = [seen.reading is not None and seen.reading.source in LATE for seen in (prompts, answers)]
    if late == [False, True]:
        return Condition(None, f"{replica.pod} counts generated tokens only when an answer ends")
    read, written = prompts.value or 0.0, answers.value or 0.0
    what = f"{replica.pod} reads {read:.0f} prompt tokens/s and generates {written:.0f}"
    evidence = (*prompts.evidence(read, times * written), *answers.evidence(written))
    return Condition(read > 0 and read >= times * written, what, evidence)


NEEDED: tuple[Callable[[Replica, Snapshot], Condition], ...] = (
    conditions.queue_stands,
    _room_in_cache,
    _room_in_batch,
    _prompts_dominate,
)
