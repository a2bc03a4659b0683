"""THR302 growing-queue

Finds: requests that wait without a break, or ever more of them.
Why: a queue shows that the service is behind whatever its GPU utilization or KV usage reads: engines hold back a
    request whose whole prompt does not fit, so requests wait at a KV usage of 0.6 as well.
Reads: waiting of every ready replica that is not stuck; gateway_waiting where there is a gateway.
Fires when: one of these queues was never empty for waitingNeverZero, or all waiting requests together rise by at
    least waitingRising over pressureWindow, beyond the noise, on at least risingSpan of data, and are not zero now.
Clear when: every queue was empty at times and their sum does not rise.
Unknown when: none is seen to stand or rise, and some replica's queue is absent, stale or too short.
Do: find what serializes the service, or add replicas; do not remove any.
References: Gateway API inference extension calls a queue of 5 a replica saturated.
"""

from collections.abc import Callable

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Reading, SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import conditions, look
from scalewarden.rules.conditions import Condition
from scalewarden.rules.look import Look
from scalewarden.rules.rule import Rule
from scalewarden.signals import trends, windows

RULE = Rule(
    code="THR302",
    name="growing-queue",
    severity=Severity.WARNING,
    summary="Requests wait without a break, or ever more of them.",
    check_instead="waiting requests and time in the queue, not GPU utilization",
    remedy="Find what the queue waits for (KV blocks, the batch limit, prefill) or add replicas; do not remove any.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("waiting", "gateway_waiting"),
    thresholds=("waitingNeverZero", "waitingRising", "risingSpan", "pressureWindow"),
)


def check(snapshot: Snapshot) -> Finding:
    """Standing queues first, then the trend of their sum."""
    limits = snapshot.thresholds
    queues = _queues(snapshot, limits["waitingNeverZero"], look.lasting)
    answers = [conditions.standing(queue) for queue in queues]
    standing = [answer for answer in answers if answer.holds]
    if standing:
        evidence = [one for answer in standing for one in answer.evidence]
        return RULE.fired(
            f"{look.share(len(standing), len(queues), 'queue')} never emptied: {standing[0].what}", *evidence
        )
    rising = _rising(snapshot, _queues(snapshot, limits["pressureWindow"], look.series))
    if rising.holds:
        return RULE.fired(rising.what, *rising.evidence)
    if not queues:
        return RULE.unknown(look.obstacle(snapshot, (), 0))
    if conditions.any_of(answers) is None:
        return RULE.unknown(conditions.first(answers, None).what)
    return RULE.clear(f"{look.share(len(queues), len(queues), 'queue')} emptied at times", *answers[0].evidence)


def _queues(snapshot: Snapshot, seconds: float, see: Callable[..., Look]) -> list[Look]:
    """One queue a live replica, and the gateway's where there is one."""
    name = SignalName.WAITING
    queues = [see(snapshot, r.pod, name, r.signal(name), seconds) for r in look.live(snapshot)]
    gateway = snapshot.signal(SignalName.GATEWAY_WAITING)
    if isinstance(gateway, Reading):
        queues.append(see(snapshot, "the gateway", SignalName.GATEWAY_WAITING, gateway, seconds))
    return queues


def _rising(snapshot: Snapshot, queues: list[Look]) -> Condition:
    limits = snapshot.thresholds
    together = look.together(queues)
    found = trends.rising(together, limits)
    if found is None:
        return Condition(False, "no trend")
    rise, newest = windows.rounded(found.rise), together[-1].value
    what = f"waiting requests rose by {rise:.1f} in {found.seconds:.0f} s to {newest:.0f}"
    evidence = Evidence("waiting", rise, Unit.REQUESTS, limits["waitingRising"], "sum of waiting")
    return Condition(rise >= limits["waitingRising"] and newest > 0, what, (evidence,))
