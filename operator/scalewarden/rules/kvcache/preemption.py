"""KVC202 preemption

Finds: an engine that evicts running requests because no KV block is free.
Why: an evicted request gives up its cache and is computed again, so tokens per second fall and latency doubles while
    GPU utilization can look low. The counter lags: engines report an eviction only with the request's next output.
Reads: preemptions (increase over the window) of every ready replica that is not stuck.
Fires when: more than preemptions requests were evicted on any of these replicas within pressureWindow.
Clear when: every one of them reports none.
Unknown when: none is seen to evict, and some replica's counter is absent, stale or too short; some servers do not
    export the counter before its first event.
Do: lower the number of sequences or the context length, or add KV cache or replicas.
References: vLLM recomputes preempted requests; a preemption storm doubles the p99 of inter-token latency.
"""

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import look
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="KVC202",
    name="preemption",
    severity=Severity.ERROR,
    summary="The engine evicts running requests for lack of KV blocks.",
    check_instead="preemptions and inter-token latency, not GPU utilization",
    remedy="Lower max_num_seqs or the context length, or add KV cache or replicas; do not remove any.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("preemptions",),
    thresholds=("preemptions", "pressureWindow", "shortSpan"),
)


def check(snapshot: Snapshot) -> Finding:
    """Add up the evictions of every live replica."""
    name, limits = SignalName.PREEMPTIONS, snapshot.thresholds
    live = look.live(snapshot)
    counts = [look.number(snapshot, replica.pod, name, replica.signal(name)) for replica in live]
    evicting = [count for count in counts if (count.value or 0.0) > limits["preemptions"]]
    covered = look.covered(counts, limits["pressureWindow"])
    if evicting:
        evidence = [one for count in evicting for one in count.evidence(count.value or 0.0, limits["preemptions"])]
        worst = max(evidence, key=lambda one: one.value)
        return RULE.fired(
            f"{look.requests(sum(one.value for one in evidence))} evicted while running, for lack of KV blocks, on "
            f"{look.share(len(evicting), len(live))}, most ({worst.value:.0f}) on {worst.replica}{covered}",
            *evidence,
        )
    if obstacle := look.obstacle(snapshot, counts, len(live)):
        return RULE.unknown(obstacle)
    most = max(count.value or 0.0 for count in counts)
    message = f"no replica evicted more than {look.requests(limits['preemptions'])} (most {most:.0f}){covered}"
    return RULE.clear(message, *counts[0].evidence(counts[0].value or 0.0, limits["preemptions"]))
