"""ASC611 target-over-guard-line

Finds: an autoscaler that adds replicas only once the service is called full.
Why: a cache that stands over the line has no room for the next long request; a replica that is asked for then is ready
    minutes later. Between the two lines the guard refuses every removal, and the autoscaler still sees no need.
Reads: the autoscaler's metrics and their targets.
Fires when: it follows KV-cache usage, and the lowest target of it is over kvUsageDeny: a warning, information where it
    follows more than that, which may ask earlier. Or it follows the queue and no KV-cache usage, and the lowest target
    is over waitingPerReplicaDeny: information.
Clear when: no target is, neither is followed replica by replica, or the object is annotated to be ignored.
Unknown when: a trigger does not say what it reads, or is that of a ScaledObject which is not there.
Do: let it add replicas from a KV-cache usage of 0.60 to 0.70 on, or from 3 to 5 waiting requests a replica.
References: an HPA follows the metric that asks for most, so the lowest target counts; llm-d Workload Variant Autoscaler
    adds from 0.60 to 0.70 on; the Gateway API inference extension calls 0.8 and a queue of 5 saturated; a queue can be
    empty at a KV-cache usage of 0.91 (vllm 18115).
"""

from collections.abc import Iterable

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, TargetType
from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers, promql
from scalewarden.rules.gpu_metrics import follows_load
from scalewarden.rules.rule import Rule
from scalewarden.whatif.pressure import kv_target

RULE = Rule(
    code="ASC611",
    name="target-over-guard-line",
    severity=Severity.WARNING,
    summary="An autoscaler adds replicas only once the service is called full.",
    check_instead="the targets for KV-cache usage and queue against the lines from which removals are refused",
    remedy="Set the target under that line: KV-cache usage to 0.60 to 0.70, waiting requests to 3 to 5 a replica.",
    reads=("autoscaler metrics",),
    thresholds=("kvUsageDeny", "waitingPerReplicaDeny"),
)

Aim = tuple[float, AutoscalerMetric]


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, snapshot))


def _judge(autoscaler: Autoscaler, snapshot: Snapshot) -> Finding:
    limits = snapshot.thresholds
    cache = _lowest((kv_target(one), one) for one in autoscaler.metrics if not _of_fleet(one))
    if cache is not None:
        return _cache(autoscaler, *cache, limits["kvUsageDeny"])
    queue = _lowest((one.target, one) for one in autoscaler.metrics if promql.waiting(one) and not _of_fleet(one))
    if queue is not None:
        return _queue(autoscaler, *queue, limits["waitingPerReplicaDeny"])
    name = autoscalers.label(autoscaler)
    what = f"{name} has no target for KV-cache usage or the queue of a replica"
    return autoscalers.mute(RULE, autoscaler) or RULE.clear(what, autoscaler=name)


def _lowest(targets: Iterable[tuple[float | None, AutoscalerMetric]]) -> Aim | None:
    known = ((target, metric) for target, metric in targets if target is not None)
    return min(known, key=lambda aim: aim[0], default=None)


def _of_fleet(metric: AutoscalerMetric) -> bool:
    """True for a number that is no replica's: a total against Value, or what arithmetic makes of it."""
    total = metric.target_type is TargetType.VALUE and promql.outermost(metric) not in {"avg", "max"}
    return total or promql.calculates(metric)


def _cache(autoscaler: Autoscaler, target: float, metric: AutoscalerMetric, line: float) -> Finding:
    name = autoscalers.label(autoscaler)
    evidence = Evidence("kv_target", target, Unit.FRACTION, line, metric.field)
    what = f"{name} adds replicas from a KV-cache usage of {target:.2f} on"
    if target <= line:
        return RULE.clear(what, evidence, autoscaler=name)
    text = f"{what}, and from {line:.2f} on the cache is called full"
    others = any(follows_load(one) and kv_target(one) is None for one in autoscaler.metrics)
    return RULE.fired(text, evidence, severity=Severity.INFO if others else None, autoscaler=name)


def _queue(autoscaler: Autoscaler, target: float, metric: AutoscalerMetric, line: float) -> Finding:
    name = autoscalers.label(autoscaler)
    evidence = Evidence("waiting_target", target, Unit.REQUESTS, line, metric.field)
    what = f"{name} adds replicas from {target:g} waiting requests a replica on"
    if target <= line:
        return RULE.clear(what, evidence, autoscaler=name)
    text = f"{what}, and from {line:g} on removals are refused"
    return RULE.fired(text, evidence, severity=Severity.INFO, autoscaler=name)
