"""ASC613 phantom-series

Finds: an autoscaler that reads a series which the engine does not write.
Why: a name that is wrong by a letter is no error anywhere: the query is valid and empty. An HPA without its metric
    removes nothing and adds nothing, KEDA takes an empty result for 0 and goes to its minimum. Names change between
    releases and differ between engines, and examples are copied for years.
Reads: names and queries of the autoscaler's metrics; the engine, its image, and the series that its signals are read
    from.
Fires when: a name looks like a series of vLLM, SGLang, LMDeploy, llama.cpp or TGI and is none: an underscore for the
    colon (in a query; names of HPA metrics are the adapter's), a counter without `_total`, a word that is nearly right
    or that people often put in its place; or it is an older name of a number that the replicas write under a newer
    one, or one that the release in the image's tag dropped; or it is another engine's than that of the replicas; or a
    GPU is read as a resource, as CPU and memory are.
Clear when: none of this is seen, or the object is annotated to be ignored (its reason is shown).
Unknown when: a trigger does not say what it reads, or is that of a ScaledObject which is not there.
Do: write the name that the engine's page has; where a rule of your own records the name, say so by the annotation.
References: vLLM renamed gpu_cache_usage_perc in 0.9.2 and dropped it in 0.12; its client appends `_total` to every
    counter; a model router queried vllm:num_requests_success_total, which never existed.
"""

from collections.abc import Iterator

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource
from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine
from scalewarden.rules import autoscalers, promql
from scalewarden.rules.rule import Rule
from scalewarden.signals.engines import SERVED_BY, TABLES
from scalewarden.signals.engines.release import numbers, release_of
from scalewarden.signals.engines.spelling import Slip, slip

RULE = Rule(
    code="ASC613",
    name="phantom-series",
    severity=Severity.WARNING,
    summary="An autoscaler reads a series that the engine does not write.",
    check_instead="the names on the engine's own /metrics page",
    remedy="Write the name that is on the engine's page; annotate the object where you record that name yourself.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("autoscaler metrics", "engine"),
)

_RESOURCES = (MetricSource.RESOURCE, MetricSource.CONTAINER_RESOURCE)
_HISTOGRAM = ("_bucket", "_sum", "_count")


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, snapshot))


def _judge(autoscaler: Autoscaler, snapshot: Snapshot) -> Finding:
    name = autoscalers.label(autoscaler)
    found = [(metric, what) for metric in autoscaler.metrics for what in _phantoms(metric, snapshot)]
    if found:
        metric, what = found[0]
        count = autoscalers.counted("phantom_metrics", list(dict.fromkeys(metric for metric, _ in found)))
        return RULE.fired(f"{name} reads {what} ({metric.field or 'spec'})", count, autoscaler=name)
    clear = RULE.clear(f"{name} reads no series that looks like a slip", autoscaler=name)
    return autoscalers.mute(RULE, autoscaler) or clear


def _phantoms(metric: AutoscalerMetric, snapshot: Snapshot) -> Iterator[str]:
    if metric.source in _RESOURCES and "gpu" in metric.name.lower():
        yield f"{metric.name} as a resource, which no metrics API has: it knows cpu and memory"
        return
    names = dict.fromkeys(promql.series(metric))
    for name in names:
        wrong = slip(name, renamed=not metric.query)
        if wrong:
            right = f"its name is {wrong.meant}{_since(wrong)}"
            yield f"{name}, which no release of {wrong.engine} is known to write: {right}"
        elif other := _of_another(name, snapshot.engine):
            yield f"{name}, which {other} writes, and the engine is {snapshot.engine}"
        elif newer := _newer(name, snapshot):
            yield f"{name}, an older name: these replicas write {newer}"
        elif dropped := _dropped(name, set(names), snapshot):
            yield f"{name}, which {dropped}"


def _since(wrong: Slip) -> str:
    """What the series that was meant is called by newer releases, where they dropped its name."""
    for row in TABLES[wrong.engine].rows:
        for one in row.spellings:
            if one.name == wrong.meant and one.dropped:
                return f", from {wrong.engine} {one.dropped} on {row.spellings[0].name}"
    return ""


def _of_another(name: str, engine: Engine) -> Engine | None:
    """The engine that a name belongs to, where it is neither that of the replicas nor one that serves them."""
    mine = TABLES.get(engine)
    if mine is None or not mine.prefix or ":" not in name:
        return None
    owner = next((one for one, table in TABLES.items() if table.prefix and name.startswith(table.prefix)), engine)
    served = {engine, *SERVED_BY.get(engine, ())} | {one for one, by in SERVED_BY.items() if engine in by}
    return owner if owner not in served else None


def _newer(name: str, snapshot: Snapshot) -> str | None:
    """The spelling that the replicas' signal is read from, where `name` is one of those after it in the table; not one
    that an engine still writes beside it."""
    table = TABLES.get(snapshot.engine)
    for row in table.rows if table and not _is_read(name, snapshot) else ():
        names = [series.name for series in row.spellings]
        beside = {one.name for series in row.spellings for one in series.most}
        written = _written(row.signal, snapshot)
        if name in names and written in names and names.index(written) < names.index(name) and name not in beside:
            return written
    return None


def _dropped(name: str, beside: set[str], snapshot: Snapshot) -> str:
    """What is known of a series that the release of the image no longer writes; empty where it is read, or unknown, or
    where the query falls back to it from a newer name."""
    table = TABLES.get(snapshot.engine)
    release = release_of(snapshot.workload.image, table) if table else None
    if table is None or release is None or _is_read(name, snapshot):
        return ""
    for row in table.rows:
        for one in row.spellings:
            end = next((end for end in ("", *_HISTOGRAM) if name == one.name + end), None)
            newest = f"{row.spellings[0].name}{end or ''}"
            if end is not None and newest not in beside and _is_gone(release, one.dropped):
                return f"{snapshot.engine} {release} no longer writes: its name is {newest}"
    return ""


def _is_gone(release: str, dropped: str) -> bool:
    """Of one major number alone: who builds an engine into an image of their own numbers it as they like."""
    have, since = numbers(release), numbers(dropped) if dropped else ()
    return have[:1] == since[:1] and have >= since


def _is_read(name: str, snapshot: Snapshot) -> bool:
    """True where any signal of a replica is read from the name: it may be an older spelling of another signal only."""
    signals = (signal for replica in snapshot.replicas for signal in replica.signals.values())
    return any(isinstance(signal, Reading) and signal.source == name for signal in signals)


def _written(signal: SignalName, snapshot: Snapshot) -> str:
    """The series that a signal of the first replica which has it comes from; empty where none has."""
    readings = (replica.reading(signal) for replica in snapshot.replicas)
    return next((reading.source for reading in readings if reading), "")
