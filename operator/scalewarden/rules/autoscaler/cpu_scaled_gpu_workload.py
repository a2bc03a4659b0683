"""ASC601 cpu-scaled-gpu-workload

Finds: an autoscaler that scales a GPU workload on the CPU or memory of its pods.
Why: LLM capacity is KV cache and tokens per second. The server's CPU follows the request rate and polling loops, its
    memory hardly moves: such an autoscaler adds replicas that help nobody, and removes them under KV pressure.
Reads: the autoscaler's metrics; GPU requests, devices and engine flags of the target.
Fires when: a Resource or ContainerResource metric, a KEDA cpu or memory trigger, or a series of container, process or
    node CPU or memory without one of load beside it, acts on a target that uses GPUs: an error where nothing else is
    read (an HPA without metrics counts: Kubernetes then scales on CPU), else a warning.
Clear when: none does, the target uses no GPU, or the object is annotated to be ignored (its reason is shown).
Unknown when: such a metric is read and whether the target uses GPUs is not known.
Do: scale on waiting requests or KV-cache usage.
References: a target uses GPUs if its pods request one, hold one, or run an engine with GPU flags and no CPU build.
"""

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource
from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers
from scalewarden.rules.gpu_metrics import host_use
from scalewarden.rules.gpu_use import uses_gpus
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC601",
    name="cpu-scaled-gpu-workload",
    severity=Severity.ERROR,
    summary="A GPU workload is scaled on CPU or memory.",
    check_instead="tokens/s per replica, waiting requests and KV-cache usage",
    remedy="Scale on waiting requests or KV-cache usage of the engine instead of CPU or memory.",
    misinterpretations=(Misinterpretation.CPU_AUTOSCALING_HELPS,),
    reads=("autoscaler metrics", "gpu requests", "gpus", "args"),
)

DEFAULTED = AutoscalerMetric(MetricSource.RESOURCE, "cpu", field="spec.metrics")
"""What the API server fills in for an HPA that names no metric."""


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    gpus = uses_gpus(snapshot)
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, gpus))


def _judge(autoscaler: Autoscaler, gpus: bool | None) -> Finding:
    name = autoscalers.label(autoscaler)
    metrics = list(autoscaler.metrics) or _defaults(autoscaler)
    bad = [metric for metric in metrics if _resource(metric)]
    count = autoscalers.counted("cpu_or_memory_metrics", bad)
    if not bad:
        return RULE.clear(f"{name} reads neither CPU nor memory", count, autoscaler=name)
    if gpus is False:
        return RULE.clear(f"{name} scales on {_words(bad)}, and its target uses no GPU", count, autoscaler=name)
    if gpus is None:
        what = f"{name} scales on {_words(bad)}, and it is not known whether its target uses GPUs"
        return RULE.unknown(what, count, autoscaler=name)
    alone = len(bad) == len(metrics)
    how = "on nothing but" if alone else "also on"
    message = f"{name} scales a GPU workload {how} {_words(bad)} ({count.source or 'spec'})"
    return RULE.fired(message, count, severity=None if alone else Severity.WARNING, autoscaler=name)


def _defaults(autoscaler: Autoscaler) -> list[AutoscalerMetric]:
    return [DEFAULTED] if autoscaler.kind == "HorizontalPodAutoscaler" else []


def _resource(metric: AutoscalerMetric) -> str | None:
    """`cpu` or `memory`, as an HPA or a KEDA trigger names it, or by the series that a query reads."""
    return metric.name if autoscalers.cpu_or_memory(metric) else host_use(metric)


def _words(bad: list[AutoscalerMetric]) -> str:
    names = {_resource(metric) for metric in bad}
    return " and ".join(word for word in ("CPU", "memory") if word.lower() in names)
