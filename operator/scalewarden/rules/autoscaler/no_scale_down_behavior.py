"""ASC604 no-scale-down-behavior

Finds: an autoscaler that may remove every replica it is allowed to at once.
Why: without limits in `behavior.scaleDown` an HPA removes all pods down to its minimum within 15 s, once its window of
    300 s has passed. One wrong number held for five minutes is enough, and each replica takes minutes to come back.
Reads: behavior.scaleDown, minReplicas and maxReplicas, KEDA's pause, the cold start.
Fires when: scale-down is enabled, two replicas or more may go, and no policy keeps it under all of them in one period:
    information; a warning where its stabilization is under dwell as well, so that nothing slows it. Or policies limit
    it, its stabilization is under dwell, and all may go before one could come back (dwell, or the cold start where it
    is measured and longer): information.
Clear when: a policy limits it, and its stabilization or the policy's pace leaves time; scale-down is disabled or
    paused, at most one replica may go, or the object is annotated to be ignored.
Unknown when: its minimum or maximum is not known and nothing limits it.
Do: write a policy, for example at most one pod a minute, and leave the window at 300 s or more.
References: HPAScalingRules default to 100 % every 15 s with a stabilization of 300 s.
"""

from scalewarden.model.autoscaler import Autoscaler, Pause, ScalingPolicy, ScalingRules, Select
from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers
from scalewarden.rules.pace import EVERYTHING, gone
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC604",
    name="no-scale-down-behavior",
    severity=Severity.INFO,
    summary="An autoscaler may remove all replicas above its minimum at once.",
    check_instead="how many replicas may go in one period, against the time that one takes to come back",
    remedy="Limit behavior.scaleDown, for example to one pod a minute, with a stabilization of 300 s or more.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("autoscaler behavior", "autoscaler bounds", "cold_start"),
    thresholds=("dwell",),
)

DEFAULTS = ScalingRules()


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    dwell = snapshot.thresholds["dwell"]
    start = max(dwell, snapshot.cold_start or 0.0)
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, dwell, start))


def _judge(autoscaler: Autoscaler, dwell: float, start: float) -> Finding:
    name, rules = autoscalers.label(autoscaler), autoscaler.scale_down or DEFAULTS
    if rules.select is Select.DISABLED or autoscaler.paused in (Pause.ALL, Pause.SCALE_DOWN):
        return RULE.clear(f"scale-down of {name} is disabled or paused", autoscaler=name)
    room = _room(autoscaler)
    if room is not None and room <= 1:
        return RULE.clear(f"{name} may remove at most one replica", autoscaler=name)
    limited, hasty = _limited(rules, room), rules.stabilization is not None and rules.stabilization < dwell
    if limited and not (hasty and room is not None and gone(rules, autoscaler.max_replicas or 0, start) >= room):
        return RULE.clear(f"behavior.scaleDown of {name} limits how many replicas go at once", autoscaler=name)
    if room is None:
        return RULE.unknown(f"minimum or maximum of {name} is not known", autoscaler=name)
    evidence = Evidence("replicas_that_may_go", float(room), Unit.REPLICAS, 1.0, "spec.behavior.scaleDown")
    brake = f", and its stabilization is {rules.stabilization:.0f} s" if hasty else ""
    if limited:
        text = f"{name} may remove {room} replicas within {start:.0f} s, before one could come back{brake}"
        return RULE.fired(text, evidence, autoscaler=name)
    text = f"{name} may remove {room} replicas at once: no policy in behavior.scaleDown limits it{brake}"
    return RULE.fired(text, evidence, severity=Severity.WARNING if hasty else None, autoscaler=name)


def _room(autoscaler: Autoscaler) -> int | None:
    """Replicas between the two bounds."""
    low, high = autoscaler.min_replicas, autoscaler.max_replicas
    return None if low is None or high is None else max(0, high - low)


def _limited(rules: ScalingRules, room: int | None) -> bool:
    """The policy that counts (the largest, unless the smallest is asked for) leaves some for the next period."""
    limits = [_limits(policy, room) for policy in rules.policies]
    return any(limits) if rules.select is Select.MIN else bool(limits) and all(limits)


def _limits(policy: ScalingPolicy, room: int | None) -> bool:
    if policy.type == "Pods":
        return room is None or policy.value < room
    return policy.value < EVERYTHING
