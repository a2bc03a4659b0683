"""What the rules about autoscalers share: who is judged, and which finding speaks for all of them."""

from collections.abc import Callable, Iterator

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric
from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules.rule import Rule

Judge = Callable[[Autoscaler], Finding]
LOUDNESS = (Severity.INFO, Severity.WARNING, Severity.ERROR)


def label(autoscaler: Autoscaler) -> str:
    """`HorizontalPodAutoscaler/llama-70b`."""
    return f"{autoscaler.kind}/{autoscaler.name}"


def judged(snapshot: Snapshot) -> Iterator[Autoscaler]:
    """The autoscalers of the target that no annotation silences."""
    return (one for one in snapshot.autoscalers if one.ignore_reason is None)


def worst(rule: Rule, snapshot: Snapshot, judge: Judge) -> Finding:
    """The loudest finding over all autoscalers; clear where there is none, or where each is ignored for a reason."""
    findings = [judge(autoscaler) for autoscaler in judged(snapshot)]
    fired = [finding for finding in findings if finding.fired]
    if fired:
        return max(fired, key=lambda finding: LOUDNESS.index(finding.severity))
    if findings:
        return findings[0]
    if not snapshot.autoscalers:
        return rule.clear("no autoscaler acts on the target")
    silenced = snapshot.autoscalers[0]
    return rule.clear(f"{label(silenced)} is ignored: {_one_line(silenced)}", autoscaler=label(silenced))


def _one_line(autoscaler: Autoscaler) -> str:
    return " ".join((autoscaler.ignore_reason or "").split()) or "no reason given"


def counted(signal: str, metrics: list[AutoscalerMetric]) -> Evidence:
    """How many metrics are unsound, and where they stand in the object."""
    fields = ", ".join(metric.field for metric in metrics if metric.field)
    return Evidence(signal, float(len(metrics)), Unit.COUNT, 0.0, fields)
