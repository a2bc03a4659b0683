"""ASC608 missing-data-reads-as-idle

Finds: an autoscaler that takes the absence of its metric for zero load.
Why: when Prometheus is restarted, a label is renamed or all pods are too busy to answer a scrape, the query is empty.
    Read as 0 that is the clearest scale-down signal there is, and it comes in the worst moment.
Reads: KEDA's ignoreNullValues and fallback, the queries of the autoscaler's metrics, its maximum; the desired and the
    last safe count.
Fires when: a prometheus trigger of KEDA does not set ignoreNullValues to false; or a query answers 0 where nothing is
    measured (`or vector(0)`, `or up * 0`, `default 0`); or a KEDA fallback that may lower the count (behavior static,
    the default, or currentReplicasIfLower) names fewer replicas than the last safe count; where none is known, than
    are desired or than the maximum.
Clear when: none of this is seen, scale-down is paused, or the object is annotated to be ignored (its reason is shown).
Unknown when: a trigger does not say what it reads, or is that of a ScaledObject which is not there.
Do: set ignoreNullValues to false, leave out the default in the query, and set fallback.behavior to
    currentReplicasIfHigher.
References: KEDA answers 0 for an empty result unless told otherwise; fleets went to their minimum in outages of the
    metrics source (keda 965, 3065; kubernetes 104387).
"""

from collections.abc import Iterator

from scalewarden.model.autoscaler import Autoscaler, Pause
from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers, promql
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC608",
    name="missing-data-reads-as-idle",
    severity=Severity.WARNING,
    summary="An autoscaler takes missing data for zero load.",
    check_instead="what the autoscaler does while its metrics source is down",
    remedy="Set ignoreNullValues to false, leave out `or vector(0)`, use the fallback currentReplicasIfHigher.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("autoscaler metrics", "autoscaler fallback", "autoscaler bounds", "replicas_desired", "safe count"),
)

LOWERS = {None, "static", "currentReplicasIfLower"}
"""Behaviors of KEDA's fallback that may go below the current count; None is its default, static."""


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, snapshot))


def _judge(autoscaler: Autoscaler, snapshot: Snapshot) -> Finding:
    name = autoscalers.label(autoscaler)
    if autoscaler.paused in (Pause.ALL, Pause.SCALE_DOWN):
        return RULE.clear(f"scale-down of {name} is paused", autoscaler=name)
    found = [*_nulls(autoscaler), *_zeros(autoscaler), *_fallback(autoscaler, snapshot)]
    if found:
        text = "; ".join(what for what, _ in found[:3])
        return RULE.fired(f"{name} {text}", *(one for _, one in found), autoscaler=name)
    what = f"{name} is not seen to take missing data for zero"
    return autoscalers.mute(RULE, autoscaler) or RULE.clear(what, autoscaler=name)


def _nulls(autoscaler: Autoscaler) -> Iterator[tuple[str, Evidence]]:
    """Empty results that KEDA turns into 0. KServe writes its triggers itself, and has no field that changes it."""
    if autoscaler.kind == "InferenceService":
        return
    metrics = [one for one in autoscaler.metrics if one.name == "prometheus" and one.query]
    bad = [one for one in metrics if one.ignore_null_values is not False]
    if bad:
        yield "reads an empty result as 0: ignoreNullValues is not false", autoscalers.counted("null_as_zero", bad)


def _zeros(autoscaler: Autoscaler) -> Iterator[tuple[str, Evidence]]:
    """Queries that answer 0 themselves."""
    bad = [one for one in autoscaler.metrics if promql.reads_zero_for_nothing(one)]
    if bad:
        yield "has a query that answers 0 where nothing is measured", autoscalers.counted("zero_by_default", bad)


def _fallback(autoscaler: Autoscaler, snapshot: Snapshot) -> Iterator[tuple[str, Evidence]]:
    """A count to fall back to that is below what the service needs."""
    fallback = autoscaler.fallback
    if fallback is None or fallback.replicas is None or fallback.behavior not in LOWERS:
        return
    needed, what = _needed(autoscaler, snapshot)
    if fallback.replicas < needed:
        yield (
            f"falls back to a count of {fallback.replicas}, fewer replicas than {what}",
            Evidence("fallback_replicas", float(fallback.replicas), Unit.REPLICAS, float(needed), "spec.fallback"),
        )


def _needed(autoscaler: Autoscaler, snapshot: Snapshot) -> tuple[int, str]:
    """What a fallback may not go below, and how it is called: data may be missing at the peak, too."""
    safe = autoscalers.safe_count(snapshot)
    if safe is not None:
        return safe, "are safe"
    most = autoscaler.max_replicas or 0
    if most > snapshot.replicas_desired:
        return most, f"its maximum of {most}"
    return snapshot.replicas_desired, "are desired"
