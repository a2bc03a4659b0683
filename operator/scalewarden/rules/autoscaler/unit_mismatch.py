"""ASC607 unit-mismatch

Finds: an autoscaler whose target and metric are in different units, or that adds up what is an average.
Why: such an object is accepted and computes nonsense quietly: a target of 50 for a gauge from 0 to 1 is never reached,
    an average divided by the number of replicas asks for two whatever the load, a total held against a value for one
    replica grows without end. Nothing in its status says so.
Reads: names, queries, types and targets of the autoscaler's metrics.
Fires when: a gauge from 0 to 1 has a target over 1 (over 16 as a share of the replicas' sum: a pod may hold several
    engines), one from 0 to 100 a target of 1 or less, or seconds until a token a target of 100 or more; or an external
    query that averages (avg, max, min, quantile, sum by count or by the replicas, times a constant too) a replica's
    number, or is a quantile of a histogram, has an AverageValue target; or one takes the rate of a gauge; or a total of
    replicas' numbers or a desired replica count has a Value target; or a KEDA query of a replica's series aggregates
    nothing, or keeps the pods apart.
Clear when: none of this is seen, or the object is annotated to be ignored (its reason is shown).
Unknown when: a trigger does not say what it reads, or is that of a ScaledObject which is not there.
Do: `sum` with AverageValue (KEDA's default), or `avg` or `max` with Value; fractions are 0 to 1 in spite of `_perc`.
References: KEDA rejects a query with more than one element; an HPA divides AverageValue by the replicas it has, and
    multiplies them for Value; AIBrix ships a target of 50 for a gauge from 0 to 1.
"""

import math
from collections.abc import Iterator

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource, TargetType
from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers, promql
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC607",
    name="unit-mismatch",
    severity=Severity.WARNING,
    summary="An autoscaler's target and metric are in different units.",
    check_instead="the range of the series, and what the HPA divides or multiplies by",
    remedy="Write the target in the series' unit; use sum with AverageValue, or avg or max with Value.",
    misinterpretations=(Misinterpretation.CPU_AUTOSCALING_HELPS,),
    reads=("autoscaler metrics",),
)

EXTERNAL = {MetricSource.EXTERNAL, MetricSource.OBJECT, MetricSource.TRIGGER}
MOST_ENGINES = 16.0
"""Engines whose gauges a pod may add up: one a GPU, and no node has more GPUs than this."""
AVERAGES = {"mean", "avg", "max", "min", "quantile"}
NOBODY_WAITS = 100.0
"""Seconds that no user is meant to wait for a token: such a target is in milliseconds."""


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, _judge)


def _judge(autoscaler: Autoscaler) -> Finding:
    name = autoscalers.label(autoscaler)
    bad = [(metric, what) for metric in autoscaler.metrics for what in _mismatches(metric)]
    if bad:
        metric, what = bad[0]
        evidence = Evidence("target", metric.target or 0.0, Unit.COUNT, None, metric.field)
        return RULE.fired(f"{name} {what} ({metric.field or 'spec'})", evidence, autoscaler=name)
    return autoscalers.mute(RULE, autoscaler) or RULE.clear(f"{name} has no target in another unit", autoscaler=name)


def _mismatches(metric: AutoscalerMetric) -> Iterator[str]:
    yield from _scale(metric)
    yield from _per_replica(metric)
    if gauge := promql.rated_gauge(metric):
        yield f"takes the rate of {gauge}, a gauge: that is how fast it changes, and 0 where it stays high"
    series = _of_replica(metric) if metric.source is MetricSource.TRIGGER else None
    if series and not promql.aggregated(metric):
        yield f"reads {series} of each replica without aggregation, which fails from two replicas on"
    if series and (label := promql.split(metric)):
        yield f"reads {series} by {label}, which fails from two replicas on: KEDA takes one number"


def _of_replica(metric: AutoscalerMetric) -> str | None:
    """The series where each replica has its own."""
    return promql.queues(metric) or promql.fractions(metric) or promql.percentages(metric)


def _scale(metric: AutoscalerMetric) -> Iterator[str]:
    """A target outside the range of what is read; sums and arithmetic have no such range."""
    if metric.target is None or metric.target_type is TargetType.UTILIZATION or promql.calculates(metric):
        return
    outer = promql.outermost(metric)
    summed = outer in {"sum", "count"} or promql.sums(metric)
    shared = outer == "sum" and metric.target_type is TargetType.AVERAGE_VALUE
    most = MOST_ENGINES if shared else math.inf if summed else 1.0
    if (series := promql.fractions(metric)) and metric.target > most:
        yield f"has a target of {metric.target:g} for {series}, which goes from 0 to 1"
    if (series := promql.percentages(metric)) and metric.target <= 1:
        yield f"has a target of {metric.target:g} for {series}, which goes from 0 to 100"
    if (series := promql.waits(metric)) and metric.target >= NOBODY_WAITS:
        yield f"has a target of {metric.target:g} for {series}, which is in seconds"


def _per_replica(metric: AutoscalerMetric) -> Iterator[str]:
    """An average treated as a total, and the other way round."""
    if metric.source not in EXTERNAL:
        return
    outer, read = promql.folded(metric) or (promql.outermost(metric), metric)
    series = _of_replica(read) or promql.of_gpus(read)
    if series and outer in AVERAGES and metric.target_type is TargetType.AVERAGE_VALUE:
        yield f"divides the {outer} of {series} by its replicas once more: AverageValue wants a sum, or use Value"
    if (histogram := promql.quantile(metric)) and metric.target_type is TargetType.AVERAGE_VALUE:
        yield f"divides a quantile of {histogram} by its replicas: the more there are, the fewer it asks for; use Value"
    if metric.target_type is not TargetType.VALUE:
        return
    if total := promql.queues(metric) if not metric.query else series if outer == "sum" else None:
        yield f"holds the total of {total} against Value, a target for the whole fleet: it grows with its own replicas"
    counts = [one for one in promql.series(metric) if "desired_replicas" in one.lower()]
    if counts and not promql.calculates(metric):
        yield f"multiplies its replicas by {counts[0]}, a count of replicas: Value wants a ratio, use AverageValue"
