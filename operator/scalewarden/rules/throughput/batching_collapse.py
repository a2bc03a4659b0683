"""THR301 batching-collapse

Finds: an engine that serves one or two sequences at a time although its batch may be large and work is there.
Why: tokens per second come from batching; a batch that collapses halves throughput and utilization together, which
    reads like spare capacity. Inside a MIG slice the host GPU looks idle at the same time.
Reads: eff_batch (p95 of running sequences), the batch limit, waiting, kv_usage; per engine, never summed.
Fires when: eff_batch is batchCollapsed or less with a limit of batchLimitSensible or more, while the replica's queue
    stands for waitingNeverZero or its KV usage reached kvUsageDeny.
Clear when: on every ready replica that is not stuck, one of these is shown not to hold.
Unknown when: neither can be said, for example where the batch limit is not known.
Do: find what serializes the batch: long prompts, a full cache, a small token budget, a lock in the router.
References: published batch curves of 8B models put the knee at 8 sequences.
"""

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, per_replica
from scalewarden.rules.conditions import Condition
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="THR301",
    name="batching-collapse",
    severity=Severity.WARNING,
    summary="The engine batches next to nothing while work is there.",
    check_instead="effective batch size (p95) against the engine's limit, and what the queue waits for",
    remedy="Find what serializes the batch (long prompts, a full KV cache, a small token budget) and lift that limit.",
    misinterpretations=(
        Misinterpretation.LOW_UTILIZATION_IS_WASTE,
        Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,
        Misinterpretation.MIG_UTILIZATION_IS_CAPACITY,
    ),
    reads=("eff_batch", "max_num_seqs", "waiting", "kv_usage"),
    thresholds=("batchCollapsed", "batchLimitSensible", "waitingNeverZero", "kvUsageDeny"),
)


def check(snapshot: Snapshot) -> Finding:
    """Judge every live replica by itself."""
    live = look.live(snapshot)
    answers = [_collapsed(replica, snapshot) for replica in live]
    return per_replica.finding(RULE, snapshot, answers, lambda what, where: f"batching collapsed on {where}: {what}")


def _collapsed(replica: Replica, snapshot: Snapshot) -> Condition:
    small = _small_batch(replica, snapshot)
    if small.holds is False:
        return small
    work = [conditions.queue_stands(replica, snapshot), conditions.kv_full(replica, snapshot)]
    pressed = conditions.any_of(work)
    if small.holds and pressed:
        why = conditions.first(work, True)
        return Condition(True, f"{small.what} while {why.what}", (*small.evidence, *why.evidence))
    if pressed is not False:
        return conditions.first(work, None) if small.holds else small
    return Condition(False, f"no queue stands on {replica.pod} and its KV cache has room", work[1].evidence)


def _small_batch(replica: Replica, snapshot: Snapshot) -> Condition:
    """The batch stays at `batchCollapsed` or less although the limit would allow a sensible one."""
    name, limits = SignalName.EFF_BATCH, snapshot.thresholds
    batch = look.number(snapshot, replica.pod, name, replica.signal(name))
    limit = conditions.batch_limit(replica, snapshot)
    if batch.value is None or batch.gap:
        return conditions.not_known(batch)
    evidence = batch.evidence(batch.value, limits["batchCollapsed"])
    if batch.value > limits["batchCollapsed"]:
        return Condition(False, f"the batch of {replica.pod} reaches {batch.value:.4g} sequences (p95)", evidence)
    if limit is None:
        return Condition(None, f"the batch limit of {replica.pod} is not known")
    if limit < limits["batchLimitSensible"]:
        return Condition(False, f"the batch of {replica.pod} is limited to {limit} sequences", evidence)
    return Condition(True, f"{replica.pod} batches {batch.value:.4g} of {limit} sequences (p95)", evidence)
