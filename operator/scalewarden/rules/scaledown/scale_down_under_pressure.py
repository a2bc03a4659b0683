"""SCL502 scale-down-under-pressure

Finds: a removal that is judged while the service shows that it is at a limit.
Why: low utilization under KV-cache pressure or beside a queue is inefficiency, not spare capacity. The replica that
    looks idle carries what the others cannot.
Reads: the intent; the rules on KV cache and throughput.
Fires when: a serving replica would go and one of KVC201, KVC202, KVC203, KVC204, THR301, THR302, THR303, THR304 fired.
Clear when: nobody asks for fewer, only pods that do not serve would go, or none of these rules fired.
Unknown when: none fired, and KVC201 or THR302 could not speak.
Do: relieve the limit first; the what-if says how many replicas are safe to remove.
References: interpretation of low utilization in LLM inference, third of the five misreadings.
"""

from collections.abc import Mapping
from types import MappingProxyType

from scalewarden.model.finding import Finding, Misinterpretation, Severity, Status
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import removal
from scalewarden.rules.kvcache import kv_cache_pressure, preemption, shrinking_kv_headroom, slice_memory_pressure
from scalewarden.rules.rule import Check, Rule
from scalewarden.rules.throughput import batching_collapse, growing_queue, prefill_bound, throughput_plateau

RULE = Rule(
    code="SCL502",
    name="scale-down-under-pressure",
    severity=Severity.WARNING,
    summary="A replica would be removed while the service is at a limit.",
    check_instead="what fired on the KV cache, the queue and the batch",
    remedy="Relieve the limit that is named before any replica is removed.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("intent", "KVC201-KVC204", "THR301-THR304"),
)

PRESSURE: tuple[tuple[Rule, Check], ...] = (
    (kv_cache_pressure.RULE, kv_cache_pressure.check),
    (preemption.RULE, preemption.check),
    (growing_queue.RULE, growing_queue.check),
    (slice_memory_pressure.RULE, slice_memory_pressure.check),
    (batching_collapse.RULE, batching_collapse.check),
    (prefill_bound.RULE, prefill_bound.check),
    (throughput_plateau.RULE, throughput_plateau.check),
    (shrinking_kv_headroom.RULE, shrinking_kv_headroom.check),
)
"""The strongest evidence first; a stuck replica is no load and not among them."""
NEEDED = frozenset({kv_cache_pressure.RULE.code, growing_queue.RULE.code})


def check(snapshot: Snapshot, known: Mapping[str, Finding] = MappingProxyType({})) -> Finding:
    """The first that fired speaks for all. known: what rules have found already, by code; the others are asked."""
    one = removal.asked(snapshot)
    if one is None:
        return RULE.clear("nobody asks for fewer replicas")
    if not one.removes_ready:
        return RULE.clear("no replica that serves would go")
    findings = [known.get(rule.code) or judge(snapshot) for rule, judge in PRESSURE]
    fired = [finding for finding in findings if finding.fired]
    if fired:
        named = ", ".join(f"{finding.rule} {finding.name}" for finding in fired)
        return RULE.fired(f"a replica that serves would go in spite of {named}", *fired[0].evidence)
    mute = next((one for one in findings if one.rule in NEEDED and one.status is Status.UNKNOWN), None)
    if mute:
        return RULE.unknown(f"{mute.rule} could not speak: {mute.message}")
    return RULE.clear("neither the KV cache nor queue nor batch shows pressure", *findings[0].evidence)
