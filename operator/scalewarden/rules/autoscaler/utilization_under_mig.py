"""ASC610 utilization-under-mig

Finds: an autoscaler of slices that scales on a number which is not measured on a slice.
Why: under MIG kernel utilization is left out or printed as 0, whatever the slice carries. The autoscaler sees an idle
    service and removes replicas, or has no metric and does nothing.
Reads: names and queries of the autoscaler's metrics; MIG profiles of devices and pod template.
Fires when: a replica is on MIG and a metric reads kernel utilization, duty cycle, memory-copy, encoder or decoder
    utilization, or NVLink traffic.
Clear when: no replica is on MIG, none of these is read, or the object is annotated to be ignored (its reason is shown).
Unknown when: one of these is read and neither a replica nor a pod template is known; or a trigger does not say what
    it reads.
Do: scale on waiting requests or KV-cache usage of the engine.
References: NVIDIA DCGM does not support GPU utilization on MIG instances (dcgm-exporter 216, 430; DCGM 80).
"""

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers, meters
from scalewarden.rules.gpu_metrics import unreported_under_mig
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC610",
    name="utilization-under-mig",
    severity=Severity.WARNING,
    summary="An autoscaler scales MIG slices on a number that MIG does not report.",
    check_instead="waiting requests, and KV-cache usage inside the slice",
    remedy="Scale on waiting requests or KV-cache usage of the engine; under MIG this number is missing or 0.",
    misinterpretations=(Misinterpretation.MIG_UTILIZATION_IS_CAPACITY,),
    reads=("autoscaler metrics", "mig_profile"),
)


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    sliced = _on_mig(snapshot)
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, sliced))


def _on_mig(snapshot: Snapshot) -> bool | None:
    """None where nothing is known of the pods."""
    workload = snapshot.workload
    if workload.mig_profile or any(meters.on_mig(replica, snapshot) for replica in snapshot.replicas):
        return True
    return False if snapshot.replicas or workload.gpu_resource or workload.image else None


def _judge(autoscaler: Autoscaler, sliced: bool | None) -> Finding:
    name = autoscalers.label(autoscaler)
    bad = [(metric, series) for metric in autoscaler.metrics if (series := unreported_under_mig(metric))]
    count = autoscalers.counted("metrics_unmeasured_under_mig", [metric for metric, _ in bad])
    if sliced is False:
        return RULE.clear("no replica is on MIG", count, autoscaler=name)
    if not bad:
        what = f"{name} reads nothing that MIG leaves out"
        return autoscalers.mute(RULE, autoscaler) or RULE.clear(what, count, autoscaler=name)
    what = f"{name} scales on {bad[0][1]}"
    if sliced is None:
        return RULE.unknown(f"{what}, and it is not known whether the replicas are on MIG", count, autoscaler=name)
    return RULE.fired(f"{what}, which is not measured under MIG ({count.source or 'spec'})", count, autoscaler=name)
