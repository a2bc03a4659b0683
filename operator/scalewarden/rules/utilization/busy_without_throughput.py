"""UTL102 busy-without-throughput

Finds: a GPU that reads busy and does not deliver.
Why: utilization is the share of time in which a kernel was resident. A kernel that waits for another GPU, computes an
    evicted request again or serves a batch of one is resident too: busy says nothing about tokens.
Reads: engine_active, else kernel_utilization (never under MIG); running; preemptions; gen_tps against what is known of
    the replica; itl_p95 of the replica, else of the service, against its objective.
Fires when: mean utilization of a replica over pressureWindow is over utilizationBusy while requests run, and it
    preempts, or its ITL p95 is over the objective, or it generates less than tokensShortfall of what it should: of
    what it sustains where it is full (its queue stands, or its batch reached concurrencyAllow), else of what was
    learned (learnSamples samples) at an equal batch with requests of like size (requestsAlike).
Clear when: no replica is that busy, nothing runs there, or tokens/s or ITL are known to be well.
Unknown when: none is seen to fall short, and utilization is not measured, or a busy replica has neither tokens/s nor
    an ITL to compare: no baseline or objective is declared or learned, or none that fits its load.
Do: find what keeps the GPU busy without tokens: sharding, a slow link, preemption, tiny batches; adding replicas of the
    same kind adds more of it.
References: eight-way tensor parallelism was seen to give fewer tokens/s than four-way at the same load (vllm 16300).
"""

from statistics import fmean

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, meters, per_replica
from scalewarden.rules.baseline import expected
from scalewarden.rules.conditions import Condition
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="UTL102",
    name="busy-without-throughput",
    severity=Severity.WARNING,
    summary="The GPU reads busy and does not deliver.",
    check_instead="tokens/s per GPU, inter-token latency (p95) and the link between the GPUs",
    remedy="Find what keeps the GPU busy without tokens (sharding, a slow link, preemption) before adding replicas.",
    misinterpretations=(Misinterpretation.HIGH_UTILIZATION_IS_GOOD,),
    reads=(
        "engine_active", "kernel_utilization", "running", "preemptions", "gen_tps", "sustainable_tps", "itl_p95",
        "objectives", "waiting", "eff_batch", "max_num_seqs", "learned", "input_tokens", "output_tokens",
    ),
    thresholds=(
        "utilizationBusy", "pressureWindow", "tokensShortfall", "preemptions", "latencyDeny", "latencyObservations",
        "waitingNeverZero", "concurrencyAllow", "learnEvery", "learnSamples", "requestsAlike",
    ),
)  # fmt: skip


def check(snapshot: Snapshot) -> Finding:
    """Judge every live replica by itself."""
    live = look.live(snapshot)
    if live and not any(meters.utilizations(replica, snapshot) for replica in live):
        return RULE.unknown(meters.NOT_MEASURED)
    answers = [_judge(replica, snapshot) for replica in live]
    return per_replica.finding(RULE, snapshot, answers, lambda what, where: f"busy for little on {where}: {what}")


def _judge(replica: Replica, snapshot: Snapshot) -> Condition:
    """Busy, with something running, and short of what it should deliver."""
    busy = _busy(replica, snapshot)
    if not busy.holds:
        return busy
    running = look.number(snapshot, replica.pod, SignalName.RUNNING, replica.signal(SignalName.RUNNING))
    if running.value == 0 and not running.gap:
        return Condition(False, f"{busy.what}, and no request runs there", busy.evidence)
    tokens, latency = _tokens(replica, snapshot), conditions.itl_missed(replica, snapshot)
    found = [conditions.preempting(replica, snapshot), latency, tokens]
    if conditions.any_of(found):
        short = conditions.first(found, True)
        return Condition(True, f"{busy.what}, and {short.what}", (*busy.evidence, *short.evidence))
    well = next((one for one in (tokens, latency) if one.holds is False), None)
    if well is None:
        return Condition(None, f"{busy.what}, and {tokens.what}, and {latency.what}", busy.evidence)
    return Condition(False, f"{busy.what}, and {well.what}", (*busy.evidence, *well.evidence))


def _busy(replica: Replica, snapshot: Snapshot) -> Condition:
    line, looks = snapshot.thresholds["utilizationBusy"], meters.utilizations(replica, snapshot)
    if not looks:
        return Condition(None, f"utilization of {replica.pod} is not measured")
    if short := next((seen for seen in looks if not seen.span.enough), None):
        return Condition(None, f"utilization of {short.where} is known over only {short.span.seconds:.0f} s")
    mean = windows.rounded(fmean(seen.mean or 0.0 for seen in looks))
    what = f"GPU utilization of {replica.pod} is {look.shown(mean, line)} on average{look.shortness(looks)}"
    what += f" (busy is over {line:.2f})"
    return Condition(mean > line, what, looks[0].evidence(mean, line))


def _tokens(replica: Replica, snapshot: Snapshot) -> Condition:
    """A full replica generates less than it should."""
    name, should = SignalName.GEN_TPS, expected(replica, snapshot)
    seen = look.number(snapshot, replica.pod, name, replica.signal(name))
    if seen.gap or seen.value is None:
        return conditions.not_known(seen)
    if should is None:
        return Condition(None, "what it should generate at this load is not known")
    line = windows.rounded(snapshot.thresholds["tokensShortfall"] * should.tokens)
    what = f"it generates {seen.value:.0f} tokens/s of the {should.tokens:.0f} {should.words}"
    return Condition(seen.value < line, what, seen.evidence(seen.value, line))
