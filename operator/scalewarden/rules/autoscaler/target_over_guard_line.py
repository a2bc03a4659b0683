"""ASC611 target-over-guard-line

Finds: an autoscaler that adds replicas only once the KV cache is called full.
Why: a cache that stands over the line has no room for the next long request; a replica that is asked for then is ready
    minutes later. Between the two lines the guard refuses every removal, and the autoscaler still sees no need.
Reads: the autoscaler's metrics and their targets.
Fires when: a metric is KV-cache usage and its target is over kvUsageDeny.
Clear when: no target is, no metric is KV-cache usage, or the object is annotated to be ignored.
Unknown when: a prometheus trigger names no query.
Do: let it add replicas from a KV-cache usage of 0.60 to 0.70 on.
References: llm-d Workload Variant Autoscaler adds from 0.60 to 0.70 on; the Gateway API inference extension calls 0.8
    saturated.
"""

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers
from scalewarden.rules.rule import Rule
from scalewarden.whatif.pressure import kv_target

RULE = Rule(
    code="ASC611",
    name="target-over-guard-line",
    severity=Severity.WARNING,
    summary="An autoscaler adds replicas only once the KV cache is full.",
    check_instead="the target for KV-cache usage against the line from which removals are refused",
    remedy="Set the target for KV-cache usage to 0.60 to 0.70.",
    reads=("autoscaler metrics",),
    thresholds=("kvUsageDeny",),
)


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, snapshot))


def _judge(autoscaler: Autoscaler, snapshot: Snapshot) -> Finding:
    name, line = autoscalers.label(autoscaler), snapshot.thresholds["kvUsageDeny"]
    targets = [(metric, target) for metric in autoscaler.metrics if (target := kv_target(metric)) is not None]
    if not targets:
        return autoscalers.mute(RULE, autoscaler) or RULE.clear(f"{name} follows no KV-cache usage", autoscaler=name)
    metric, highest = max(targets, key=lambda pair: pair[1])
    evidence = Evidence("kv_target", highest, Unit.FRACTION, line, metric.field)
    what = f"{name} adds replicas from a KV-cache usage of {highest:.2f} on"
    if highest > line:
        return RULE.fired(f"{what}, and from {line:.2f} on the cache is called full", evidence, autoscaler=name)
    return RULE.clear(what, evidence, autoscaler=name)
