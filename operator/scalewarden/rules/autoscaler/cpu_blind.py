"""ASC606 cpu-blind

Finds: an autoscaler that sees a calm CPU while the engines behind it are at their limit.
Why: the server's CPU follows the request rate and polling loops, not KV blocks or tokens. A cache can overflow and a
    queue can stand at a CPU of 20 %: the autoscaler adds nothing, and with less traffic getting through it removes.
Reads: the autoscaler's metrics and what it last read; cpu_ratio; kv_usage and waiting of every ready replica that is
    not stuck; whether the target uses GPUs.
Fires when: CPU is under its target, nothing else that the autoscaler reads follows load, and a replica's KV usage
    reached kvUsageDeny within pressureWindow or its queue stood at waitingPerReplicaDeny or more for waitingNeverZero.
Clear when: no autoscaler of GPU workloads reads CPU alone, CPU is at or over its target, or no replica is at a limit.
Unknown when: CPU is not known, or neither KV usage nor queue of some replica is; or whether the target uses GPUs is
    not; or the autoscaler reads a number besides of which it is not known what it follows.
Do: scale on waiting requests or KV-cache usage.
References: vLLM keeps one core busy while idle, and its API server's CPU follows the number of requests.
"""

from statistics import fmean

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, TargetType
from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import autoscalers, conditions, look
from scalewarden.rules.conditions import Condition
from scalewarden.rules.gpu_metrics import busy_time, follows_load, framebuffer
from scalewarden.rules.gpu_use import uses_gpus
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="ASC606",
    name="cpu-blind",
    severity=Severity.WARNING,
    summary="CPU is under its target while the engines are at their limit.",
    check_instead="KV-cache usage and waiting requests of every replica",
    remedy="Scale on waiting requests or KV-cache usage of the engine: CPU does not see what binds here.",
    misinterpretations=(Misinterpretation.CPU_AUTOSCALING_HELPS,),
    reads=("autoscaler metrics", "cpu_ratio", "kv_usage", "waiting"),
    thresholds=("kvUsageDeny", "pressureWindow", "waitingPerReplicaDeny", "waitingNeverZero"),
)


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, snapshot))


def _judge(autoscaler: Autoscaler, snapshot: Snapshot) -> Finding:
    name = autoscalers.label(autoscaler)
    metric = next((one for one in autoscaler.metrics if autoscalers.cpu_or_memory(one) and one.name == "cpu"), None)
    if metric is None or any(follows_load(one) for one in autoscaler.metrics):
        return RULE.clear(f"{name} does not follow CPU alone", autoscaler=name)
    if (gpus := uses_gpus(snapshot)) is not True:
        known = RULE.unknown if gpus is None else RULE.clear
        what = "it is not known whether its target uses GPUs" if gpus is None else "its target uses no GPU"
        return known(f"{name} follows CPU, and {what}", autoscaler=name)
    cpu = _cpu(metric, snapshot)
    if cpu is None:
        return RULE.unknown(f"{name} follows CPU, and neither its status nor a source tells it", autoscaler=name)
    said = f"{name} reads a CPU of {cpu.value:.0%} (target {cpu.threshold or 0.0:.0%})"
    if cpu.threshold is None or cpu.value >= cpu.threshold:
        return RULE.clear(said, cpu, autoscaler=name)
    limit = _at_limit(snapshot)
    if limit.holds and (strange := next(filter(_strange, autoscaler.metrics), None)):
        what = f"{said} while {limit.what}, and it is not known what its {strange.field or 'other metric'} follows"
        return RULE.unknown(what, cpu, *limit.evidence, autoscaler=name)
    if limit.holds:
        return RULE.fired(f"{said} while {limit.what}", cpu, *limit.evidence, autoscaler=name)
    known = RULE.unknown if limit.holds is None else RULE.clear
    return known(f"{said}, and {limit.what}", cpu, autoscaler=name)


def _strange(metric: AutoscalerMetric) -> bool:
    """True for what is neither the pods' own, nor the GPU's, nor a clock: under another name it may follow load."""
    known = autoscalers.cpu_or_memory(metric) or busy_time(metric) or framebuffer(metric)
    return not known and metric.name != "cron"


def _cpu(metric: AutoscalerMetric, snapshot: Snapshot) -> Evidence | None:
    """CPU as a share of the request, as the autoscaler read it, else as it is measured, against its target."""
    if metric.target_type is not TargetType.UTILIZATION or metric.target is None:
        return None
    name, target = SignalName.CPU_RATIO, windows.rounded(metric.target / 100)
    if metric.current is not None:
        return Evidence("cpu_ratio", windows.rounded(metric.current / 100), Unit.RATIO, target, "status.currentMetrics")
    looks = [look.number(snapshot, one.pod, name, one.signal(name)) for one in look.live(snapshot)]
    known = [seen.value for seen in looks if seen.value is not None and not seen.gap]
    if not known or len(known) < len(looks):
        return None
    return Evidence(name.value, windows.rounded(fmean(known)), Unit.RATIO, target, "mean over the replicas")


def _at_limit(snapshot: Snapshot) -> Condition:
    live = look.live(snapshot)
    if not live:
        return Condition(None, look.obstacle(snapshot, (), 0))
    found = [test(replica, snapshot) for test in (conditions.kv_full, _long_queue) for replica in live]
    answer = conditions.any_of(found)
    return conditions.first(found, answer) if answer is not False else Condition(False, "no replica is at a limit")


def _long_queue(replica: Replica, snapshot: Snapshot) -> Condition:
    """At least `waitingPerReplicaDeny` requests waited at every sample."""
    name, limits = SignalName.WAITING, snapshot.thresholds
    queue = look.lasting(snapshot, replica.pod, name, replica.signal(name), limits["waitingNeverZero"])
    least, line = min(queue.values, default=0.0), limits["waitingPerReplicaDeny"]
    if not (queue.fresh if least < line else queue.span.enough):
        return conditions.not_known(queue)
    what = f"at least {look.requests(least)} waited on {replica.pod} for {limits['waitingNeverZero']:.0f} s"
    return Condition(least >= line, what, queue.evidence(least, line))
