"""KVC201 kv-cache-pressure

Finds: replicas whose KV cache is nearly full, whatever their GPU utilization reads.
Why: a full cache stops batching, so utilization falls while the service is at its limit; removing a replica then
    moves its blocks onto caches that have no room. Waiting may still be zero, preemptions come only at the very end.
Reads: kv_usage of every ready replica that is not stuck.
Fires when: KV usage is at kvUsageDeny or more in two samples in a row, or at kvUsageSpike in one, within
    pressureWindow; or its mean is at kvMeanRising or more and rising by kvRising over at least risingSpan.
Clear when: none of this holds on any of these replicas, and all of them are seen.
Unknown when: none is seen to hold, and KV usage of some replica is absent, stale or too short.
Do: free or add KV cache; never remove a replica while it is under pressure.
References: llm-d Workload Variant Autoscaler and Gateway API inference extension both call 0.8 saturated.
"""

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import conditions, look
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="KVC201",
    name="kv-cache-pressure",
    severity=Severity.WARNING,
    summary="The KV cache of some replicas is nearly full.",
    check_instead="KV-cache usage of every replica and its peak, not GPU memory or GPU utilization",
    remedy="Give the engine more KV blocks, fewer sequences or shorter contexts, or add replicas; do not remove any.",
    misinterpretations=(
        Misinterpretation.LOW_UTILIZATION_IS_WASTE,
        Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,
    ),
    reads=("kv_usage",),
    thresholds=("kvUsageDeny", "kvUsageSpike", "kvMeanRising", "kvRising", "risingSpan", "pressureWindow"),
)


def check(snapshot: Snapshot) -> Finding:
    """Judge every live replica; the message says on how many of N."""
    name, limits = SignalName.KV_USAGE, snapshot.thresholds
    live = look.live(snapshot)
    caches = [look.series(snapshot, r.pod, name, r.signal(name), limits["pressureWindow"]) for r in live]
    pressed = [found for cache in caches if (found := conditions.kv_pressed(cache, limits))]
    if pressed:
        evidence = [one for found in pressed for one in found.evidence]
        worst = max(pressed, key=lambda found: found.evidence[0].value)
        where = look.share(len(pressed), len(live))
        return RULE.fired(f"KV cache under pressure on {where}: {worst.what}{look.shortness(caches)}", *evidence)
    if obstacle := look.obstacle(snapshot, caches, len(live)):
        return RULE.unknown(obstacle)
    fullest = max(caches, key=lambda cache: max(cache.values))
    peak, line = max(fullest.values), limits["kvUsageDeny"]
    message = f"KV-cache usage peaked at {look.shown(peak, line)} on {fullest.where} (line {line:.2f})"
    return RULE.clear(message + look.shortness(caches), *fullest.evidence(peak, line))
