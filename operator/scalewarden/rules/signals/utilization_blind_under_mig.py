"""SIG003 utilization-blind-under-mig

Finds: a kernel utilization that is printed for, or scaled on at, a GPU that is cut into MIG slices.
Why: kernel utilization is not measured under MIG: exporters leave it out or print 0. Nor would a figure for the whole
    GPU say anything about a slice, which can be full while its host looks idle.
Reads: MIG profiles of devices and pod template, kernel_utilization, the metrics of autoscalers.
Fires when: an exporter reports kernel utilization on a MIG device (information), or an autoscaler of a target on MIG
    reads it (warning).
Clear when: no replica is on MIG, or nothing reads kernel utilization there.
Unknown when: no replica and no pod template is known.
Do: read engine-active and the KV cache of the slice instead; scale on waiting requests and KV usage.
References: NVIDIA DCGM does not support the GPU utilization field on MIG instances.
"""

from collections.abc import Iterator

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Gpu
from scalewarden.rules import autoscalers, meters
from scalewarden.rules.gpu_metrics import kernel_utilization
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="SIG003",
    name="utilization-blind-under-mig",
    severity=Severity.INFO,
    summary="Kernel utilization is read where MIG makes it meaningless.",
    check_instead="engine-active of the slice, KV-cache usage inside it, and tokens/s relative to the slice's size",
    remedy="Use engine-active and KV-cache usage of the slice; scale on waiting requests or KV-cache usage.",
    misinterpretations=(Misinterpretation.MIG_UTILIZATION_IS_CAPACITY,),
    reads=("mig_profile", "kernel_utilization", "autoscaler metrics"),
)


def check(snapshot: Snapshot) -> Finding:
    """An autoscaler that reads it is worse than an exporter that prints it."""
    if not any(meters.on_mig(replica, snapshot) for replica in snapshot.replicas):
        return _not_on_mig(snapshot)
    for autoscaler in autoscalers.judged(snapshot):
        if series := _read(autoscaler):
            name = autoscalers.label(autoscaler)
            message = f"{name} scales on {series}, which is not measured under MIG"
            return RULE.fired(message, severity=Severity.WARNING, autoscaler=name)
    for where, gpu in _slices(snapshot):
        printed = gpu.signal(SignalName.KERNEL_UTILIZATION)
        if gpu.reports_kernel_utilization or isinstance(printed, Reading):
            message = f"kernel utilization is reported for {where}, where it is not measured under MIG"
            return RULE.fired(message, *_evidence(printed, where))
    return RULE.clear("replicas are on MIG and nothing reads kernel utilization there")


def _not_on_mig(snapshot: Snapshot) -> Finding:
    if snapshot.workload.mig_profile is None and not snapshot.replicas:
        return RULE.unknown("no replica is known, so neither is whether it is on MIG")
    return RULE.clear("no replica is on MIG")


def _read(autoscaler: Autoscaler) -> str | None:
    return next((series for metric in autoscaler.metrics if (series := kernel_utilization(metric))), None)


def _slices(snapshot: Snapshot) -> Iterator[tuple[str, Gpu]]:
    for replica in snapshot.replicas:
        for gpu in replica.gpus:
            if meters.sliced(gpu, snapshot):
                yield f"{replica.pod}/{meters.gpu_name(gpu)}", gpu


def _evidence(printed: Signal, where: str) -> tuple[Evidence, ...]:
    """The number, where it was not set aside already."""
    if not isinstance(printed, Reading):
        return ()
    name = SignalName.KERNEL_UTILIZATION.value
    return (Evidence(name, printed.value, printed.unit, None, printed.source, where),)
