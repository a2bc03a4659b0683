"""SCL503 scale-down-on-utilization-alone

Finds: a removal that an autoscaler asks for on GPU utilization and nothing that follows load.
Why: utilization falls when a full cache or a queue holds the engine back, so it asks for a removal when one would hurt
    most. An autoscaler follows the largest of its metrics: one that follows load would have spoken against it.
Reads: the intent; the acting autoscalers' metrics, and what they last read; running and waiting requests.
Fires when: an autoscaler would remove a serving replica, all its metrics are GPU utilization (or CPU and memory, at
    least one GPU utilization), and requests ran or waited within the window.
Clear when: a person asks, only pods that do not serve would go, no such autoscaler acts, it reads something that
    follows load, it reads a value at or over its target, the service is idle (UTL104), or the object is annotated to
    be ignored, or paused.
Unknown when: a trigger does not say what it reads, or is that of a ScaledObject which is not there.
Do: let it follow waiting requests or KV-cache usage, alone or beside utilization.
References: an HPA takes the largest count that any of its metrics asks for.
"""

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric
from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.intent import Actor
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers, removal
from scalewarden.rules.gpu_metrics import busy_time, follows_load
from scalewarden.rules.rule import Rule
from scalewarden.rules.utilization import genuinely_idle

RULE = Rule(
    code="SCL503",
    name="scale-down-on-utilization-alone",
    severity=Severity.WARNING,
    summary="An autoscaler would remove a replica on GPU utilization alone.",
    check_instead="waiting requests, KV-cache usage and tokens/s per replica",
    remedy="Let the autoscaler follow waiting requests or KV-cache usage as well: the largest of its metrics counts.",
    misinterpretations=(
        Misinterpretation.LOW_UTILIZATION_IS_WASTE,
        Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,
    ),
    reads=("intent", "autoscaler metrics", "running", "waiting"),
)


def check(snapshot: Snapshot) -> Finding:
    """Only what an autoscaler asks for, and only where somebody is served."""
    one = removal.asked(snapshot)
    if one is None or one.actor is not Actor.AUTOSCALER:
        return RULE.clear("no autoscaler asks for fewer replicas")
    if not one.removes_ready:
        return RULE.clear("no replica that serves would go")
    blind = [scaler for scaler in autoscalers.acting(snapshot) if _utilization_alone(scaler)]
    if not blind:
        muted = (autoscalers.mute(RULE, scaler) for scaler in autoscalers.acting(snapshot))
        if unknown := next((finding for finding in muted if finding), None):
            return RULE.unknown(unknown.message)
        return RULE.clear("no autoscaler acts on GPU utilization alone")
    if genuinely_idle.check(snapshot).fired:
        return RULE.clear("no request ran or waited: shrinking is right whatever is read")
    asking = [scaler for scaler in blind if not any(_at_target(metric) for metric in scaler.metrics)]
    if not asking:
        return RULE.clear(f"{autoscalers.label(blind[0])} reads a value at or over its target: it asks for no removal")
    series = next(name for metric in asking[0].metrics if (name := busy_time(metric)))
    count = autoscalers.counted("metrics_that_follow_load", [])
    return RULE.fired(f"{autoscalers.label(asking[0])} reads {series} and nothing that follows load", count)


def _utilization_alone(scaler: Autoscaler) -> bool:
    """Every metric is a share of time, or the pods' CPU or memory; at least one is of a GPU."""
    shares = [busy_time(metric) is not None and follows_load(metric) is None for metric in scaler.metrics]
    hosts = [autoscalers.cpu_or_memory(metric) for metric in scaler.metrics]
    return any(shares) and all(share or host for share, host in zip(shares, hosts, strict=True))


def _at_target(metric: AutoscalerMetric) -> bool:
    return metric.current is not None and metric.target is not None and metric.current >= metric.target
