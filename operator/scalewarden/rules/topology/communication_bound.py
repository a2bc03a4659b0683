"""TOP402 communication-bound

Finds: GPUs that wait for each other over a slow link.
Why: with tensor parallelism each token is added up across all GPUs, layer by layer. Over PCIe the kernel that waits
    for the others is resident all the time: utilization reads high, and neither tokens nor latency come of it.
Reads: tensor_parallel_size, the interconnect, pcie_bps, sm_active or tensor_active, dram_active, itl_p95 and its
    objective, running.
Fires when: the model is split over two GPUs or more that reach each other over PCIe, and on one replica requests run,
    a GPU moves linkBusy or more, its compute is under smActiveLow, and ITL p95 is over the objective.
Clear when: the model is not split, or the link is NVLink or there is none, or on every ready replica that is not stuck
    one of these is shown not to hold, or the memory bus is what is busy (dramActiveHigh).
Unknown when: the link is not known, or neither can be said of some replica.
Do: lower the tensor-parallel size and use more replicas, or use GPUs with NVLink.
References: 4×H200 without NVLink were 2.8 times slower to answer; faster collectives on PCIe halve the time to the
    first token (arXiv 2412.04964).
"""

from collections.abc import Callable

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.topology import Link
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, meters, per_replica
from scalewarden.rules.conditions import Condition
from scalewarden.rules.look import Look
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="TOP402",
    name="communication-bound",
    severity=Severity.WARNING,
    summary="GPUs of one replica wait for each other over PCIe.",
    check_instead="the link between the GPUs, SM- or tensor-active, and inter-token latency (p95)",
    remedy="Lower the tensor-parallel size and use more replicas, or use GPUs with NVLink.",
    misinterpretations=(Misinterpretation.HIGH_UTILIZATION_IS_GOOD,),
    reads=(
        "tensor_parallel_size", "interconnect", "pcie_bps", "sm_active", "tensor_active", "dram_active", "itl_p95",
        "objectives", "running",
    ),
    thresholds=("linkBusy", "smActiveLow", "dramActiveHigh", "latencyDeny", "latencyObservations", "pressureWindow"),
)  # fmt: skip

UNREAD = "nothing was read of it"


def check(snapshot: Snapshot) -> Finding:
    """The topology first, then every live replica by itself."""
    size, link = snapshot.workload.tensor_parallel_size or 1, snapshot.interconnect
    if size < 2:
        return RULE.clear("the model is not split over GPUs")
    if link.kind in (Link.NVLINK, Link.NONE):
        return RULE.clear(f"the GPUs of a replica do not meet over PCIe: {link.evidence}")
    live = look.live(snapshot)
    if link.kind is Link.UNKNOWN or not live:
        return RULE.unknown(
            look.obstacle(snapshot, (), 0) if not live else f"the link is not known: {link.evidence or UNREAD}"
        )
    answers = [_bound(replica, snapshot) for replica in live]
    told = f"{size} GPUs wait for each other over PCIe on"
    return per_replica.finding(RULE, snapshot, answers, lambda what, where: f"{told} {where}: {what}")


def _bound(replica: Replica, snapshot: Snapshot) -> Condition:
    """All of them, or the first that is shown not to hold."""
    found = conditions.until_denied(needed(replica, snapshot) for needed in NEEDED)
    if unmet := conditions.unmet(found):
        return unmet
    told = [one for one in found if one.evidence]
    return Condition(True, ", ".join(one.what for one in told), tuple(e for one in told for e in one.evidence))


def _running(replica: Replica, snapshot: Snapshot) -> Condition:
    seen = look.number(snapshot, replica.pod, SignalName.RUNNING, replica.signal(SignalName.RUNNING))
    if seen.gap or seen.value is None:
        return conditions.not_known(seen)
    return Condition(seen.value > 0, f"{look.requests(seen.value)} run on {replica.pod}")


def _averages(replica: Replica, name: SignalName, snapshot: Snapshot) -> list[Look]:
    found = (meters.average(meter, name, snapshot) for meter in meters.meters(replica, snapshot))
    return [seen for seen in found if seen.reading and seen.mean is not None]


def _link_busy(replica: Replica, snapshot: Snapshot) -> Condition:
    """The busiest of its GPUs moves `linkBusy` over PCIe."""
    line, looks = snapshot.thresholds["linkBusy"], _averages(replica, SignalName.PCIE_BPS, snapshot)
    if not looks:
        return Condition(None, f"PCIe traffic of {replica.pod} is not known")
    most = max(looks, key=lambda seen: seen.mean or 0.0)
    mean = most.mean or 0.0
    what = f"{most.where} moves {mean / 1e9:.1f} GB/s"
    return Condition(mean >= line, what, most.evidence(mean, line))


def _compute_idle(replica: Replica, snapshot: Snapshot) -> Condition:
    """SM-active, else tensor-active, of every GPU is low."""
    line = snapshot.thresholds["smActiveLow"]
    for name in (SignalName.SM_ACTIVE, SignalName.TENSOR_ACTIVE):
        if looks := _averages(replica, name, snapshot):
            most = max(looks, key=lambda seen: seen.mean or 0.0)
            mean = most.mean or 0.0
            what = f"{name.value} is {look.shown(mean, line)} on {most.where}"
            return Condition(mean < line, what, most.evidence(mean, line))
    return Condition(None, f"neither SM-active nor tensor-active of {replica.pod} is measured")


def _bus_idle(replica: Replica, snapshot: Snapshot) -> Condition:
    """Not bound by the memory bus, as decoding usually is; where that is not measured it does not count."""
    line, looks = snapshot.thresholds["dramActiveHigh"], _averages(replica, SignalName.DRAM_ACTIVE, snapshot)
    most = max(looks, key=lambda seen: seen.mean or 0.0, default=None)
    if most is None:
        return Condition(True, "the memory bus is not measured")
    mean = most.mean or 0.0
    return Condition(mean < line, f"the memory bus is at {look.shown(mean, line)}", most.evidence(mean, line))


NEEDED: tuple[Callable[[Replica, Snapshot], Condition], ...] = (
    _running,
    _link_busy,
    _compute_idle,
    _bus_idle,
    conditions.itl_missed,
)
