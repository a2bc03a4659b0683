"""ASC614 zero-on-queue-alone

Finds: an autoscaler that goes to zero replicas once no request waits, whatever runs.
Why: a service that keeps up has no queue. KEDA takes a queue of 0 for inactive, and after its cooldown removes the last
    replica with every request that it is generating for. The same with `idleReplicaCount: 0`, or an HPA with a
    minimum of 0.
Reads: minReplicas, minReplicaCount, idleReplicaCount and pause; names and queries of the autoscaler's metrics.
Fires when: it may go to zero, and every number that could keep it awake counts waiting requests only, or is taken for
    none up to an activationThreshold above 0. A schedule (cron) keeps it awake for its hours and follows no load; CPU
    and memory wake nobody in KEDA.
Clear when: it stays above zero or is paused, a metric follows running requests, tokens or the KV cache, or the object
    is annotated to be ignored (its reason is shown).
Unknown when: a trigger does not say what it reads, or is that of a ScaledObject which is not there; or it may go to
    zero and reads nothing but names that say nothing.
Do: keep one replica, or add a trigger on running requests with activationThreshold 0.
References: KEDA's minReplicaCount is 0 unless written, its cooldownPeriod 300 s; a trigger is active above its
    activationThreshold (0 unless written).
"""

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource, Pause
from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers, promql
from scalewarden.rules.gpu_metrics import follows_load
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC614",
    name="zero-on-queue-alone",
    severity=Severity.WARNING,
    summary="An autoscaler goes to zero while requests run, because none waits.",
    check_instead="running requests, not only those that wait",
    remedy="Keep one replica, or let running requests keep it awake too.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("autoscaler metrics", "autoscaler bounds"),
)

_FOLLOW_NO_LOAD = {"cron", "cpu", "memory"}


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, _judge)


def _judge(autoscaler: Autoscaler) -> Finding:
    name, field = autoscalers.label(autoscaler), _to_zero(autoscaler)
    if field is None:
        return RULE.clear(f"{name} keeps a replica", autoscaler=name)
    if autoscaler.paused in (Pause.ALL, Pause.SCALE_DOWN):
        return RULE.clear(f"scale-down of {name} is paused", autoscaler=name)
    awake = [one for one in autoscaler.metrics if not _sleeps_through(one)]
    queues = [one for one in awake if promql.waiting(one)]
    if awake and len(queues) == len(awake):
        what = f"{name} goes to zero once no request waits, also while requests run ({field})"
        return RULE.fired(what, Evidence("minimum", 0.0, Unit.REPLICAS, 1.0, field), autoscaler=name)
    late = [(one, one.activation) for one in awake if one.activation and follows_load(one) and one not in queues]
    if late and len(late) + len(queues) == len(awake):
        metric, over = late[0]
        what = f"{name} goes to zero while requests run: only what is over {over:g} keeps it awake ({metric.field})"
        return RULE.fired(what, Evidence("activation", over, Unit.COUNT, 0.0, metric.field), autoscaler=name)
    if silent := autoscalers.mute(RULE, autoscaler):
        return silent
    if awake and not any(follows_load(one) for one in awake):
        return RULE.unknown(f"{name} may go to zero, and what it reads is not known by name", autoscaler=name)
    return RULE.clear(f"{name} is not kept awake by its queue alone", autoscaler=name)


def _to_zero(autoscaler: Autoscaler) -> str | None:
    """The field by which it may go to zero; None where it may not."""
    keda = autoscaler.kind == "ScaledObject"
    if autoscaler.idle_replicas == 0:
        return "spec.idleReplicaCount"
    if autoscaler.min_replicas == 0 and autoscaler.idle_replicas is None:
        return "spec.minReplicaCount" if keda else "spec.minReplicas"
    return None


def _sleeps_through(metric: AutoscalerMetric) -> bool:
    """A metric that wakes nobody by load."""
    return metric.source is MetricSource.TRIGGER and metric.name in _FOLLOW_NO_LOAD
