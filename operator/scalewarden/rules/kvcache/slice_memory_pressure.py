"""KVC204 slice-memory-pressure

Finds: a KV cache under pressure inside a MIG slice, or a slice too small to hold a handful of requests.
Why: a slice has its own memory, and the weights do not shrink with it: what is left for the KV cache is little. The
    whole GPU shows none of it: its memory is mostly free and its other slices may be idle while this one is full.
Reads: kv_usage, kv_tokens, input_tokens and output_tokens of every ready replica on MIG that is not stuck.
Fires when: KV usage of one of them is under pressure as KVC201 counts it (kvUsageDeny twice in a row, kvUsageSpike, or
    kvMeanRising while rising), or its cache holds fewer than sliceRequests requests of mean input and output.
Clear when: no replica is on MIG, or none of this holds on those that are.
Unknown when: none is seen to hold, and KV usage of some replica on MIG is absent, stale or too short, or no replica and
    no pod template is known.
Do: use a larger profile or a smaller model, shorten contexts, or add slices; do not judge by the whole GPU.
References: KV room of a slice is its memory × gpu_memory_utilization less weights and activations.
"""

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, meters
from scalewarden.rules.conditions import Condition
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="KVC204",
    name="slice-memory-pressure",
    severity=Severity.WARNING,
    summary="The KV cache inside a MIG slice is short, whatever the whole GPU reads.",
    check_instead="KV-cache usage and KV tokens inside the slice, not memory or utilization of the whole GPU",
    remedy="Use a larger MIG profile or a smaller model, shorten contexts, or add slices; do not remove any.",
    misinterpretations=(Misinterpretation.MIG_UTILIZATION_IS_CAPACITY,),
    reads=("mig_profile", "kv_usage", "kv_tokens", "input_tokens", "output_tokens"),
    thresholds=(
        "kvUsageDeny", "kvUsageSpike", "kvMeanRising", "kvRising", "risingSpan", "pressureWindow", "sliceRequests",
        "latencyObservations",
    ),
)  # fmt: skip


def check(snapshot: Snapshot) -> Finding:
    """Pressure first, then the size of the cache."""
    if not snapshot.replicas and snapshot.workload.mig_profile is None:
        return RULE.unknown("no replica is known, so neither is whether it is on MIG")
    slices = [replica for replica in look.live(snapshot) if meters.on_mig(replica, snapshot)]
    if not slices and any(not meters.on_mig(replica, snapshot) for replica in snapshot.replicas):
        return RULE.clear("no replica that serves is on MIG")
    name, limits = SignalName.KV_USAGE, snapshot.thresholds
    caches = [look.series(snapshot, r.pod, name, r.signal(name), limits["pressureWindow"]) for r in slices]
    pressed = [found for cache in caches if (found := conditions.kv_pressed(cache, limits))]
    if pressed:
        evidence = [one for found in pressed for one in found.evidence]
        worst = max(pressed, key=lambda found: found.evidence[0].value)
        where = f"{look.share(len(pressed), len(slices), 'MIG slice')}{_profile(slices, snapshot)}"
        return RULE.fired(f"KV cache under pressure on {where}: {worst.what}{look.shortness(caches)}", *evidence)
    small = [found for replica in slices if (found := _too_small(replica, snapshot))]
    if small:
        where = f"{look.share(len(small), len(slices), 'MIG slice')}{_profile(slices, snapshot)}"
        return RULE.fired(f"KV cache too small on {where}: {small[0].what}", *small[0].evidence)
    if obstacle := look.obstacle(snapshot, caches, len(slices)):
        return RULE.unknown(obstacle)
    fullest = max(caches, key=lambda cache: max(cache.values))
    peak, line = max(fullest.values), limits["kvUsageDeny"]
    message = f"KV-cache usage inside the slice peaked at {look.shown(peak, line)} on {fullest.where} (line {line:.2f})"
    return RULE.clear(message + look.shortness(caches), *fullest.evidence(peak, line))


def _profile(slices: list[Replica], snapshot: Snapshot) -> str:
    """` (1g.10gb)` where it is known."""
    named = (gpu.mig_profile for replica in slices for gpu in replica.gpus if gpu.mig_profile)
    profile = next(named, snapshot.workload.mig_profile)
    return f" ({profile})" if profile else ""


def _too_small(replica: Replica, snapshot: Snapshot) -> Condition | None:
    """The cache holds fewer requests of mean size than it should; None where it does not, or a size is not known."""
    size, least = _tokens_per_request(replica, snapshot), snapshot.thresholds["sliceRequests"]
    capacity = replica.reading(SignalName.KV_TOKENS)
    if size is None or capacity is None or capacity.value >= least * size:
        return None
    fits = look.shown(capacity.value / size, least)
    what = f"{capacity.value:.0f} tokens on {replica.pod} hold {fits} requests of {size:.0f} (at least {least:.0f})"
    line = windows.rounded(least * size)
    return Condition(
        True, what, (Evidence("kv_tokens", capacity.value, Unit.TOKENS, line, capacity.source, replica.pod),)
    )


def _tokens_per_request(replica: Replica, snapshot: Snapshot) -> float | None:
    """Mean input and output together; None with few observations or without one of them."""
    sizes = [replica.reading(name) for name in (SignalName.INPUT_TOKENS, SignalName.OUTPUT_TOKENS)]
    enough = snapshot.thresholds["latencyObservations"]
    known = [one.value for one in sizes if one is not None and (one.observations or 0.0) >= enough]
    return sum(known) if len(known) == len(sizes) and sum(known) > 0 else None
