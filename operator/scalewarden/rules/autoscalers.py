"""What the rules about autoscalers share: who is judged, and which finding speaks for all of them."""

from collections.abc import Callable, Iterator

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource
from scalewarden.model.finding import Evidence, Finding, Severity, Status
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules.rule import Rule

Judge = Callable[[Autoscaler], Finding]
PODS_OWN = {MetricSource.RESOURCE, MetricSource.CONTAINER_RESOURCE, MetricSource.TRIGGER}
LOUDNESS = (Severity.INFO, Severity.WARNING, Severity.ERROR)


def label(autoscaler: Autoscaler) -> str:
    """`HorizontalPodAutoscaler/llama-70b`."""
    return f"{autoscaler.kind}/{autoscaler.name}"


def judged(snapshot: Snapshot) -> Iterator[Autoscaler]:
    """The autoscalers of the target that no annotation silences."""
    return (one for one in snapshot.autoscalers if one.ignore_reason is None)


def worst(rule: Rule, snapshot: Snapshot, judge: Judge) -> Finding:
    """The loudest finding over all autoscalers, else one that could not speak; clear where there is none, or where each
    is ignored for a reason."""
    findings = [judge(autoscaler) for autoscaler in judged(snapshot)]
    fired = [finding for finding in findings if finding.fired]
    if fired:
        return max(fired, key=lambda finding: LOUDNESS.index(finding.severity))
    if findings:
        return next((finding for finding in findings if finding.status is Status.UNKNOWN), findings[0])
    if not snapshot.autoscalers:
        return rule.clear("no autoscaler acts on the target")
    silenced = snapshot.autoscalers[0]
    return rule.clear(f"{label(silenced)} is ignored: {_one_line(silenced)}", autoscaler=label(silenced))


def cpu_or_memory(metric: AutoscalerMetric) -> bool:
    """True for the pods' own CPU or memory, as an HPA or a KEDA trigger names it."""
    return metric.source in PODS_OWN and metric.name in {"cpu", "memory"}


def reading(snapshot: Snapshot, series_of: Callable[[AutoscalerMetric], str | None]) -> tuple[Autoscaler, str] | None:
    """The first judged autoscaler with a metric in which `series_of` recognises a series, and that series."""
    found = ((one, series) for one in judged(snapshot) for metric in one.metrics if (series := series_of(metric)))
    return next(found, None)


def _one_line(autoscaler: Autoscaler) -> str:
    return " ".join((autoscaler.ignore_reason or "").split()) or "no reason given"


def mute(rule: Rule, autoscaler: Autoscaler) -> Finding | None:
    """Unknown where a prometheus trigger names no query: what it reads is not there to be judged."""
    found = next((metric for metric in autoscaler.metrics if metric.name == "prometheus" and not metric.query), None)
    name = label(autoscaler)
    what = f"{name} has a prometheus trigger without a query"
    return rule.unknown(f"{what} ({found.field})", autoscaler=name) if found else None


def counted(signal: str, metrics: list[AutoscalerMetric]) -> Evidence:
    """How many metrics are unsound, and where they stand in the object."""
    fields = ", ".join(metric.field for metric in metrics if metric.field)
    return Evidence(signal, float(len(metrics)), Unit.COUNT, 0.0, fields)
