"""ASC603 metric-that-never-falls

Finds: an autoscaler that scales on GPU memory of an engine that takes it at start, or on a counter as it stands.
Why: framebuffer use stands at the share that the engine took, idle or overloaded. Over the target it adds replicas up
    to the maximum and never removes one; under it it never adds any. Free memory is the same number turned round. A
    counter only grows: `sum(vllm:generation_tokens_total)` passes any target after a while, and stays there.
Reads: names and queries of the autoscaler's metrics; every known exporter's series is recognised; the engine.
Fires when: one of them reads GPU memory, used or free, and the engine preallocates; or a query reads a counter
    (`_total`, `_seconds_sum`) without rate, increase or their like.
Clear when: none does, the engine does not preallocate, or the object is annotated to be ignored (its reason is shown).
Unknown when: one does, and it is not known whether the engine preallocates; or a trigger does not say what it reads.
Do: scale on waiting requests or KV-cache usage.
References: GKE's guide lets GPU memory of vLLM and TGI trigger growth at most, since they preallocate.
"""

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import autoscalers, promql
from scalewarden.rules.gpu_metrics import framebuffer
from scalewarden.rules.gpu_use import preallocates
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="ASC603",
    name="metric-that-never-falls",
    severity=Severity.WARNING,
    summary="An autoscaler scales on GPU memory that the engine keeps, or on a counter.",
    check_instead="KV-cache usage inside the memory that the engine took",
    remedy="Scale on waiting requests or KV-cache usage of the engine instead of GPU memory or a counter.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_IS_WASTE,),
    reads=("autoscaler metrics", "engine"),
)


def check(snapshot: Snapshot) -> Finding:
    """The worst over the target's autoscalers."""
    taken = preallocates(snapshot)
    return autoscalers.worst(RULE, snapshot, lambda autoscaler: _judge(autoscaler, taken, snapshot.engine))


def _judge(autoscaler: Autoscaler, taken: bool | None, engine: str) -> Finding:
    name = autoscalers.label(autoscaler)
    bad = [(metric, series) for metric in autoscaler.metrics if (series := framebuffer(metric))]
    count = autoscalers.counted("gpu_memory_metrics", [metric for metric, _ in bad])
    grows = next(((metric, series) for metric in autoscaler.metrics if (series := promql.raw_counter(metric))), None)
    if grows is not None and not bad:
        metric, series = grows
        what = f"{name} scales on {series} as it stands, a counter that only grows ({metric.field})"
        return RULE.fired(what, autoscalers.counted("raw_counters", [metric]), autoscaler=name)
    if not bad:
        return autoscalers.mute(RULE, autoscaler) or RULE.clear(f"{name} reads no GPU memory", count, autoscaler=name)
    what = f"{name} scales on {bad[0][1]}"
    if taken is None:
        return RULE.unknown(f"{what}, and it is not known whether the engine keeps it", count, autoscaler=name)
    if not taken:
        return RULE.clear(f"{what}, which {engine} takes and frees as it needs", count, autoscaler=name)
    where = count.source or "spec"
    return RULE.fired(f"{what}, memory that the engine takes at start and keeps ({where})", count, autoscaler=name)
