"""ASC612 maximum-under-safe-count

Finds: an autoscaler whose maximum is under the count that the load needs.
Why: an autoscaler brings a target that stands over its maximum down to it, whatever its metrics say, at once and at
    every sync. Somebody lowered the maximum, or added replicas by hand in an incident. Where removals are enforced it
    asks for ever and is refused; where they are not, the replicas are lost under load.
Reads: maxReplicas, or maxReplicaCount; the desired and the last safe count.
Fires when: the maximum is under the last safe count, and that is under the desired count: some could go, not so many.
Clear when: it is not, no count was judged yet, or the object is paused or annotated to be ignored.
Unknown when: the maximum is not known; or it is under the desired count and none of them may go, for the load may not
    be the reason.
Do: raise the maximum to the safe count or more.
References: an HPA limits what its metrics ask for to minReplicas and maxReplicas before it scales; KEDA's maximum is
    100 where none is written.
"""

from scalewarden.model.autoscaler import Autoscaler, Pause
from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC612",
    name="maximum-under-safe-count",
    severity=Severity.WARNING,
    summary="An autoscaler's maximum is under the count that the load needs.",
    check_instead="the safe count against the autoscaler's maximum",
    remedy="Raise the autoscaler's maximum to the safe count or more.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("autoscaler bounds", "replicas_desired", "safe count"),
)


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, snapshot))


def _judge(autoscaler: Autoscaler, snapshot: Snapshot) -> Finding:
    name, most = autoscalers.label(autoscaler), autoscaler.max_replicas
    if autoscaler.paused in (Pause.ALL, Pause.SCALE_DOWN):
        return RULE.clear(f"scale-down of {name} is paused", autoscaler=name)
    if most is None:
        return RULE.unknown(f"the maximum of {name} is not known", autoscaler=name)
    safe = autoscalers.safe_count(snapshot)
    if safe is None:
        return RULE.clear(f"no count of replicas was judged yet, for the maximum of {name}", autoscaler=name)
    evidence = Evidence("max_replicas", float(most), Unit.REPLICAS, float(safe), "spec")
    if most >= safe:
        return RULE.clear(f"the maximum of {name} is not under the safe count", evidence, autoscaler=name)
    what = f"{name} runs at most {most} of {snapshot.replicas_desired} replicas"
    if safe >= snapshot.replicas_desired:
        held = f"{what}, and none may go now: whether the load needs them is not known"
        return RULE.unknown(held, evidence, autoscaler=name)
    return RULE.fired(f"{what}, and the load needs {safe}", evidence, autoscaler=name)
