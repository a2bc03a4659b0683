"""ASC609 two-scalers-one-target

Finds: two autoscalers that set the replica count of one target.
Why: each computes from its own metric and overwrites the other's answer. The count goes up and down with their sync
    periods, each removal looks like somebody's decision, and neither object's status says that the other one exists.
Reads: the autoscalers that act on the target.
Fires when: two or more of them act, an HPA that KEDA made for its ScaledObject not counted.
Clear when: at most one does; one that is paused or annotated to be ignored does not count.
Unknown when: beside a ScaledObject acts an HPA with a name as KEDA gives it (`keda-hpa-…`) that no ScaledObject claims.
Do: keep one; put all metrics into it, for the largest count wins inside one autoscaler.
References: KEDA's own admission refuses a second scaler on its target (keda 3087), not a foreign one.
"""

from scalewarden.model.autoscaler import Autoscaler, Pause
from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC609",
    name="two-scalers-one-target",
    severity=Severity.WARNING,
    summary="Two autoscalers set the replica count of one target.",
    check_instead="which autoscalers act on the target, and which of them wrote last",
    remedy="Keep one autoscaler and put all metrics into it; remove or pause the other.",
    reads=("autoscalers",),
)

KEDA = "keda-hpa-"
"""How KEDA calls the HPAs that it makes, unless it is told otherwise."""


def check(snapshot: Snapshot) -> Finding:
    """Those that act, without the HPAs that KEDA makes."""
    acting = [one for one in autoscalers.judged(snapshot) if one.paused is not Pause.ALL]
    own = {one.hpa for one in acting if one.hpa}
    foreign = [one for one in acting if not _made_by_keda(one, own)]
    count = Evidence("autoscalers", float(len(foreign)), Unit.COUNT, 1.0)
    unclaimed = [one for one in foreign if one.name.startswith(KEDA)]
    if len(foreign) > 1 and own and len(foreign) - len(unclaimed) <= 1:
        return RULE.unknown(f"it is not known whether KEDA made {autoscalers.label(unclaimed[0])}", count)
    if len(foreign) > 1:
        return RULE.fired(f"{' and '.join(map(autoscalers.label, foreign))} act on {snapshot.target.key}", count)
    return RULE.clear(f"at most one autoscaler acts on {snapshot.target.key}", count)


def _made_by_keda(autoscaler: Autoscaler, own: set[str]) -> bool:
    return autoscaler.kind == "HorizontalPodAutoscaler" and autoscaler.name in own
