"""ASC602 utilization-target

Finds: an autoscaler that scales on how much of the time the GPU was busy.
Why: kernel utilization, duty cycle and engine-active are shares of time with any work resident: one small request can
    read as 100 %, and a full KV cache as 30 %. Such an autoscaler removes replicas under memory pressure and keeps
    adding them while each runs inefficiently.
Reads: names and queries of the autoscaler's metrics; every known exporter's series is recognised.
Fires when: one of them reads such a series.
Clear when: none does, or the object is annotated to be ignored (its reason is shown).
Unknown when: a trigger does not say what it reads, or is that of a ScaledObject which is not there.
Do: scale on waiting requests or KV-cache usage.
References: NVML defines GPU utilization as the share of time in which one or more kernels ran.
"""

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers
from scalewarden.rules.gpu_metrics import busy_time
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC602",
    name="utilization-target",
    severity=Severity.WARNING,
    summary="An autoscaler scales on GPU utilization.",
    check_instead="waiting requests, KV-cache usage and tokens/s per GPU",
    remedy="Scale on waiting requests or KV-cache usage of the engine instead of GPU utilization.",
    misinterpretations=(
        Misinterpretation.LOW_UTILIZATION_IS_WASTE,
        Misinterpretation.HIGH_UTILIZATION_IS_GOOD,
    ),
    reads=("autoscaler metrics",),
)


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, _judge)


def _judge(autoscaler: Autoscaler) -> Finding:
    name = autoscalers.label(autoscaler)
    bad = [(metric, series) for metric in autoscaler.metrics if (series := busy_time(metric))]
    count = autoscalers.counted("gpu_utilization_metrics", [metric for metric, _ in bad])
    if bad:
        message = f"{name} scales on {bad[0][1]}, the share of time a GPU was busy ({count.source or 'spec'})"
        return RULE.fired(message, count, autoscaler=name)
    what = f"{name} reads no GPU utilization"
    return autoscalers.mute(RULE, autoscaler) or RULE.clear(what, count, autoscaler=name)
