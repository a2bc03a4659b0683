"""UTL101 low-utilization-not-spare

Finds: a low GPU utilization that is the effect of a limit, not of spare capacity.
Why: utilization falls when a full KV cache, a queue, a full batch or the memory bus holds the engine back. Read
    alone it says "remove replicas" exactly when a removal would hurt most.
Reads: engine_active, else kernel_utilization (never under MIG); kv_usage, waiting, preemptions, eff_batch and its
    limit, gen_tps against sustainable tokens/s, dram_active with sm_active or tensor_active.
Fires when: mean utilization over pressureWindow is under utilizationLow while a replica's KV usage reached
    kvUsageDeny, or its queue stands, or it preempts, or its batch reached concurrencyAllow of the limit, or its
    tokens/s reached throughputAllow of what it sustains, or DRAM is busy (dramActiveHigh) and compute is not
    (smActiveLow). It names the first cause found.
Clear when: utilization is not low; or it is, and KV usage and queue of every replica show no cause.
Unknown when: no utilization is measured, or over less than shortSpan, or no cause is found and KV usage or queue of a
    replica is not known.
Do: look at the cause that is named; leave the replica count alone until it is gone.
References: kernel utilization counts time with any kernel resident, not work done.
"""

from collections.abc import Iterator
from statistics import fmean

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, meters
from scalewarden.rules.conditions import Condition
from scalewarden.rules.look import Look
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="UTL101",
    name="low-utilization-not-spare",
    severity=Severity.WARNING,
    summary="GPU utilization is low because something holds the engine back.",
    check_instead="KV-cache usage, waiting requests, effective batch and tokens/s of every replica",
    remedy="Relieve the limit that is named; do not remove replicas because utilization is low.",
    misinterpretations=(
        Misinterpretation.LOW_UTILIZATION_IS_WASTE,
        Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,
    ),
    reads=(
        "engine_active", "kernel_utilization", "kv_usage", "waiting", "preemptions", "eff_batch", "max_num_seqs",
        "gen_tps", "sustainable_tps", "dram_active", "sm_active", "tensor_active",
    ),
    thresholds=(
        "utilizationLow", "pressureWindow", "kvUsageDeny", "waitingNeverZero", "preemptions", "concurrencyAllow",
        "throughputAllow", "dramActiveHigh", "smActiveLow",
    ),
)  # fmt: skip


def check(snapshot: Snapshot) -> Finding:
    """Low, and why; the cause is what matters."""
    line, live = snapshot.thresholds["utilizationLow"], look.live(snapshot)
    looks = [meters.utilizations(replica, snapshot) for replica in live]
    measured = [seen for on_replica in looks for seen in on_replica]
    if not measured:
        return RULE.unknown(meters.NOT_MEASURED)
    young = [seen for seen in measured if not seen.span.enough]
    if young:
        seconds = min(seen.span.seconds for seen in young)
        return RULE.unknown(f"utilization of {young[0].where} is known over only {seconds:.0f} s")
    mean = windows.rounded(fmean(seen.mean or 0.0 for seen in measured))
    text = f"GPU utilization is {look.shown(mean, line)} on average over {look.share(sum(map(bool, looks)), len(live))}"
    text += look.shortness(measured)
    first = measured[0]
    proof = Evidence(first.name.value, mean, Unit.FRACTION, line, first.reading.source if first.reading else "")
    if mean >= line:
        return RULE.clear(f"{text} (low is under {line:.2f})", proof)
    return _explain(snapshot, live, text, proof)


def _explain(snapshot: Snapshot, live: tuple[Replica, ...], text: str, proof: Evidence) -> Finding:
    needed = [test(replica, snapshot) for test in NEEDED for replica in live]
    found = [*needed, *(test(replica, snapshot) for test in OPTIONAL for replica in live)]
    if conditions.any_of(found):
        cause = conditions.first(found, True)
        return RULE.fired(f"{text}, and that is not spare capacity: {cause.what}", proof, *cause.evidence)
    if conditions.any_of(needed) is None:
        return RULE.unknown(f"{text}, and {conditions.first(needed, None).what}", proof)
    return RULE.clear(f"{text}, and nothing is seen to hold the engine back", proof)


def throughput_reached(replica: Replica, snapshot: Snapshot) -> Condition:
    """Generated tokens/s reached `throughputAllow` of what a replica sustains."""
    name, sustainable = SignalName.GEN_TPS, snapshot.sustainable_tps
    seen = look.number(snapshot, replica.pod, name, replica.signal(name))
    if seen.value is None or not sustainable:
        return Condition(None, f"tokens/s of {replica.pod}, or what it sustains, is not known")
    line = windows.rounded(snapshot.thresholds["throughputAllow"] * sustainable)
    what = f"{replica.pod} generates {seen.value:.0f} tokens/s of {sustainable:.0f} that it sustains"
    return Condition(seen.value >= line, what, seen.evidence(seen.value, line))


def memory_bound(replica: Replica, snapshot: Snapshot) -> Condition:
    """The memory bus of a GPU is busy while its compute is not."""
    found = [_bus(meter, snapshot) for meter in meters.meters(replica, snapshot)]
    answer = conditions.any_of(found)
    return conditions.first(found, answer)


def _bus(meter: meters.Meter, snapshot: Snapshot) -> Condition:
    high, low = snapshot.thresholds["dramActiveHigh"], snapshot.thresholds["smActiveLow"]
    bus = meters.average(meter, SignalName.DRAM_ACTIVE, snapshot)
    compute = next(_compute(meter, snapshot), None)
    if bus.mean is None or compute is None or compute.mean is None:
        return Condition(None, f"memory-bus or compute activity of {meter.where} is not known")
    what = (
        f"memory bus at {look.shown(bus.mean, high)} and {compute.name.value} at {look.shown(compute.mean, low)} "
        f"on {meter.where}: memory-bound"
    )
    evidence = (*bus.evidence(bus.mean, high), *compute.evidence(compute.mean, low))
    return Condition(bus.mean >= high and compute.mean < low, what, evidence)


def _compute(meter: meters.Meter, snapshot: Snapshot) -> Iterator[Look]:
    """SM-active where it is measured, else tensor-active."""
    for name in (SignalName.SM_ACTIVE, SignalName.TENSOR_ACTIVE):
        seen = meters.average(meter, name, snapshot)
        if seen.reading:
            yield seen


NEEDED = (conditions.kv_full, conditions.queue_stands)
OPTIONAL = (conditions.preempting, conditions.batch_filled, throughput_reached, memory_bound)
