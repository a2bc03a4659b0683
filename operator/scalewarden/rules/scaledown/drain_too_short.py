"""SCL506 drain-too-short

Finds: pods that are killed before their longest requests can end.
Why: a removal is only as gentle as its drain. A long answer takes minutes; a pod has its grace period, 30 s where
    nothing else is written, and what runs then is cut. The cut answers show in no utilization, and in no latency
    either: only requests that ended are in the histogram.
Reads: e2e_p99 of the service; termination_grace_seconds of the pod template.
Fires when: the p99 of request duration is over terminationGracePeriodSeconds, or over terminationGrace where the pod
    template does not say.
Clear when: it is not.
Unknown when: request durations are not known (too few, or not exported), or no pod template is.
Do: set terminationGracePeriodSeconds over the p99 of request duration, and let the engine or a preStop hook drain.
References: engines cut what runs on SIGTERM (Dynamo 13559: after 5 s; kthena 1589: after the default of 30 s).
"""

from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import look
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="SCL506",
    name="drain-too-short",
    severity=Severity.WARNING,
    summary="Pods are killed before their longest requests can end.",
    check_instead="the p99 of request duration against terminationGracePeriodSeconds",
    remedy="Set terminationGracePeriodSeconds over the p99 of request duration, and drain before the engine stops.",
    reads=("e2e_p99", "termination_grace_seconds"),
    thresholds=("terminationGrace", "latencyObservations", "latencySpan"),
)


def check(snapshot: Snapshot) -> Finding:
    """One number against the other; both must be known."""
    name, limits = SignalName.E2E_P99, snapshot.thresholds
    seen = look.number(snapshot, "the service", name, snapshot.signal(name))
    grace, words = _grace(snapshot)
    if grace is None:
        return RULE.unknown("the pod template is not known, so neither is its grace period")
    if seen.gap or seen.value is None or seen.reading is None:
        return RULE.unknown(f"request duration is not known ({seen.gap})")
    if seen.reading.observations is not None and seen.reading.observations < limits["latencyObservations"]:
        return RULE.unknown("request duration is not known (too few observations)")
    p99 = windows.rounded(seen.value)
    evidence = Evidence(name.value, p99, Unit.SECONDS, grace, seen.reading.source)
    text = f"the p99 of request duration is {p99:.4g} s and a pod has {grace:.0f} s to end ({words})"
    return RULE.fired(text, evidence) if p99 > grace else RULE.clear(text, evidence)


def _grace(snapshot: Snapshot) -> tuple[float | None, str]:
    """Seconds, and where they come from."""
    workload = snapshot.workload
    if workload.termination_grace_seconds is not None:
        return workload.termination_grace_seconds, "terminationGracePeriodSeconds"
    if workload.image is None and not workload.args and workload.gpu_resource is None:
        return None, ""
    return snapshot.thresholds["terminationGrace"], "the default of Kubernetes"
