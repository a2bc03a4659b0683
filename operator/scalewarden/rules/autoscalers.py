"""What the rules about autoscalers share: who is judged, and which finding speaks for all of them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource, Pause
from scalewarden.model.finding import Evidence, Finding, Severity, Status
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules.rule import Rule

Judge = Callable[[Autoscaler], Finding]
PODS_OWN = {MetricSource.RESOURCE, MetricSource.CONTAINER_RESOURCE, MetricSource.TRIGGER}
LOUDNESS = (Severity.INFO, Severity.WARNING, Severity.ERROR)
_KEDAS = re.compile(r"s\d+-[a-z]|composite-metric")
"""How KEDA names the metrics of the HPAs that it makes: the trigger's place and type, or its formula."""
_ELSEWHERE = {"external", "external-push", "metrics-api"}
"""Triggers that ask another program, which alone knows what the number is."""


def label(autoscaler: Autoscaler) -> str:
    """`HorizontalPodAutoscaler/llama-70b`."""
    return f"{autoscaler.kind}/{autoscaler.name or '?'}"


def judged(snapshot: Snapshot) -> Iterator[Autoscaler]:
    """The autoscalers of the target that no annotation silences."""
    return (one for one in snapshot.autoscalers if one.ignore_reason is None)


def acting(snapshot: Snapshot) -> Iterator[Autoscaler]:
    """Those of them that no pause stops altogether."""
    return (one for one in judged(snapshot) if one.paused is not Pause.ALL)


def worst(rule: Rule, snapshot: Snapshot, judge: Judge) -> Finding:
    """The loudest finding over all autoscalers, else one that could not speak; clear where there is none, or where each
    is ignored for a reason. What is wrong with one that is paused, or that has no room, is only information: it moves
    nothing."""
    findings = [_of_paused(autoscaler, judge(autoscaler)) for autoscaler in judged(snapshot)]
    fired = [finding for finding in findings if finding.fired]
    if fired:
        return max(fired, key=lambda finding: LOUDNESS.index(finding.severity))
    if findings:
        return next((finding for finding in findings if finding.status is Status.UNKNOWN), findings[0])
    if not snapshot.autoscalers:
        return rule.clear("no autoscaler acts on the target")
    silenced = snapshot.autoscalers[0]
    return rule.clear(f"{label(silenced)} is ignored: {_one_line(silenced)}", autoscaler=label(silenced))


def _of_paused(autoscaler: Autoscaler, finding: Finding) -> Finding:
    if not finding.fired:
        return finding
    if autoscaler.paused is Pause.ALL:
        return replace(finding, severity=Severity.INFO, message=f"{finding.message}; it is paused")
    fixed = autoscaler.min_replicas is not None and autoscaler.min_replicas == autoscaler.max_replicas
    if fixed and autoscaler.idle_replicas is None:
        what = f"its minimum and maximum are both {autoscaler.min_replicas}, so it moves nothing"
        return replace(finding, severity=Severity.INFO, message=f"{finding.message}; {what}")
    return finding


def cpu_or_memory(metric: AutoscalerMetric) -> bool:
    """True for the pods' own CPU or memory, as an HPA or a KEDA trigger names it."""
    return metric.source in PODS_OWN and metric.name in {"cpu", "memory"}


def reading(snapshot: Snapshot, series_of: Callable[[AutoscalerMetric], str | None]) -> tuple[Autoscaler, str] | None:
    """The first judged autoscaler with a metric in which `series_of` recognises a series, and that series."""
    found = ((one, series) for one in judged(snapshot) for metric in one.metrics if (series := series_of(metric)))
    return next(found, None)


def safe_count(snapshot: Snapshot) -> int | None:
    """The last count that passed every test; None where none was judged."""
    counts = snapshot.history.safe_counts if snapshot.history else ()
    return int(counts[-1].value) if counts else None


def _one_line(autoscaler: Autoscaler) -> str:
    return " ".join((autoscaler.ignore_reason or "").split()) or "no reason given"


def mute(rule: Rule, autoscaler: Autoscaler) -> Finding | None:
    """Unknown where what a metric reads is not there to be judged: a prometheus trigger without a query, a trigger that
    asks another program, a metric of an HPA that KEDA made for a ScaledObject that is not known."""
    name = label(autoscaler)
    found = next(((what, metric.field) for metric in autoscaler.metrics if (what := _unsaid(metric))), None)
    return rule.unknown(f"{name} has {found[0]} ({found[1]})", autoscaler=name) if found else None


def _unsaid(metric: AutoscalerMetric) -> str | None:
    if metric.source is MetricSource.TRIGGER and metric.name == "prometheus" and not metric.query:
        return "a prometheus trigger without a query"
    if metric.source is MetricSource.TRIGGER and metric.name in _ELSEWHERE and not metric.said:
        return f"a trigger of type {metric.name}, which does not say what it reads"
    if metric.source is MetricSource.EXTERNAL and _KEDAS.match(metric.name):
        return "a metric that KEDA makes of a trigger, and the ScaledObject is not there"
    return None


def counted(signal: str, metrics: list[AutoscalerMetric]) -> Evidence:
    """How many metrics are unsound, and where they stand in the object."""
    fields = ", ".join(metric.field for metric in metrics if metric.field)
    return Evidence(signal, float(len(metrics)), Unit.COUNT, 0.0, fields)
