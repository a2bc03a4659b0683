"""SIG005 memory-reading-is-preallocation

Finds: a GPU whose memory reads full because the engine took it at start, while the KV cache has room.
Why: engines take the memory of their KV cache at start and keep it, so framebuffer use stays at that share whatever the
    load. It looks like a limit that is reached, and it never falls: the room is inside the cache.
Reads: fb_used, kv_usage, the engine, the metrics of autoscalers.
Fires when: the engine preallocates, framebuffer use of a ready replica that is not stuck is framebufferFull or more,
    and its KV usage stayed under kvUsageDeny for pressureWindow: information, a warning where an autoscaler reads GPU
    memory.
Clear when: no GPU memory is read, or it is not full, or the KV cache is full as well, or the engine does not
    preallocate.
Unknown when: GPU memory is full, and KV usage or the engine is not known, or the reading is stale.
Do: read KV-cache usage instead; leave framebuffer use out of dashboards and autoscalers of such engines.
References: vLLM takes 0.90 to 0.92 of the GPU's memory by default (`gpu_memory_utilization`).
"""

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import autoscalers, conditions, look, meters
from scalewarden.rules.gpu_metrics import framebuffer
from scalewarden.rules.gpu_use import preallocates
from scalewarden.rules.look import Look
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="SIG005",
    name="memory-reading-is-preallocation",
    severity=Severity.INFO,
    summary="GPU memory reads full because the engine took it at start.",
    check_instead="KV-cache usage, not the GPU memory in use",
    remedy="Read KV-cache usage instead of GPU memory; nothing is to be freed or added because memory reads full.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_IS_WASTE,),
    reads=("fb_used", "kv_usage", "engine", "autoscaler metrics"),
    thresholds=("framebufferFull", "kvUsageDeny", "pressureWindow"),
)


def check(snapshot: Snapshot) -> Finding:
    """Full memory first, then what the cache inside it says."""
    live = look.live(snapshot)
    read = [(replica, seen) for replica in live if (seen := _fullest(replica, snapshot))]
    if not read:
        return RULE.clear("no GPU memory is read")
    full = [(replica, seen) for replica, seen in read if _newest(seen) >= snapshot.thresholds["framebufferFull"]]
    if not full:
        return _not_full([seen for _, seen in read], snapshot)
    if (taken := preallocates(snapshot)) is not True:
        known = RULE.unknown if taken is None else RULE.clear
        why = (
            "it is not known whether the engine takes it at start" if taken is None else "the engine takes it as needed"
        )
        return known(f"{_text(full[0][1], snapshot)}, and {why}", *_evidence(full[0][1], snapshot))
    return _compare(snapshot, full, len(live))


def _fullest(replica: Replica, snapshot: Snapshot) -> Look | None:
    """The replica's fullest GPU or slice; None where none is read."""
    name, seconds = SignalName.FB_USED, snapshot.thresholds["pressureWindow"]
    looks = [look.series(snapshot, m.where, name, m.signal(name), seconds) for m in meters.meters(replica, snapshot)]
    return max((seen for seen in looks if seen.reading), key=_newest, default=None)


def _newest(seen: Look) -> float:
    return seen.value or 0.0


def _text(seen: Look, snapshot: Snapshot) -> str:
    line = snapshot.thresholds["framebufferFull"]
    return f"GPU memory of {seen.where} reads {look.shown(_newest(seen), line)} full"


def _evidence(seen: Look, snapshot: Snapshot) -> tuple[Evidence, ...]:
    return seen.evidence(_newest(seen), snapshot.thresholds["framebufferFull"])


def _not_full(read: list[Look], snapshot: Snapshot) -> Finding:
    stale = next((seen for seen in read if not seen.fresh), None)
    if stale:
        return RULE.unknown(conditions.not_known(stale).what)
    most = max(read, key=_newest)
    return RULE.clear(_text(most, snapshot), *_evidence(most, snapshot))


def _compare(snapshot: Snapshot, full: list[tuple[Replica, Look]], total: int) -> Finding:
    caches = [(seen, conditions.kv_full(replica, snapshot)) for replica, seen in full]
    roomy = [(seen, cache) for seen, cache in caches if cache.holds is False]
    if roomy:
        seen, cache = roomy[0]
        text = f"{_text(seen, snapshot)} on {look.share(len(roomy), total)}, taken at start, while {cache.what}"
        evidence = (*_evidence(seen, snapshot), *cache.evidence)
        if reader := autoscalers.reading(snapshot, framebuffer):
            text += f", and {autoscalers.label(reader[0])} reads it"
            return RULE.fired(text, *evidence, severity=Severity.WARNING)
        return RULE.fired(text, *evidence)
    seen, cache = caches[0]
    if cache.holds is None:
        return RULE.unknown(f"{_text(seen, snapshot)}, and {cache.what}", *_evidence(seen, snapshot))
    return RULE.clear(f"{_text(seen, snapshot)}, and so is the cache: {cache.what}", *cache.evidence)
