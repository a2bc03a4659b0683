"""UTL105 utilization-uninformative

Finds: a service whose GPU utilization says nothing about how fast it answers.
Why: whoever scales on a number expects latency to follow it. Where utilization moved and latency moved, and neither
    with the other, scaling on it moves replicas at random.
Reads: engine_active, else kernel_utilization (never under MIG); itl_mean of the same replicas; the metrics of
    autoscalers.
Fires when: over correlationSpan, with correlationPoints pairs or more, utilization spread over correlationSpread and
    ITL over correlationLatency, the absolute correlation (Pearson's r) is under correlationWeak: information, a warning
    where an autoscaler scales on it.
Clear when: it is not.
Unknown when: the data span less, there are too few pairs, or one of the two hardly moved: a flat line correlates with
    nothing. Pairs are remembered from one evaluation to the next, one a minute, so an operator knows after an hour.
Do: scale on waiting requests or KV-cache usage; correlate again after the change.
References: GKE's guide: a duty cycle cannot be mapped to latency or throughput.
"""

from collections.abc import Sequence
from statistics import correlation

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Pair, Snapshot
from scalewarden.rules import against_latency, autoscalers, look, meters
from scalewarden.rules.gpu_metrics import busy_time
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="UTL105",
    name="utilization-uninformative",
    severity=Severity.INFO,
    summary="GPU utilization says nothing about how fast the service answers.",
    check_instead="the correlation of utilization and latency before scaling on either",
    remedy="Scale on waiting requests or KV-cache usage: utilization does not follow latency here.",
    misinterpretations=(Misinterpretation.CPU_AUTOSCALING_HELPS,),
    reads=("engine_active", "kernel_utilization", "itl_mean", "autoscaler metrics"),
    thresholds=(
        "correlationSpan", "correlationPoints", "correlationWeak", "correlationSpread", "correlationLatency",
    ),
)  # fmt: skip


def check(snapshot: Snapshot) -> Finding:
    """All live replicas' pairs together: they are copies of one another."""
    limits, live = snapshot.thresholds, look.live(snapshot)
    if not live:
        return RULE.unknown(look.obstacle(snapshot, (), 0))
    if not any(meters.utilizations(replica, snapshot) for replica in live):
        return RULE.unknown(meters.NOT_MEASURED)
    found = [against_latency.pairs(replica, snapshot, limits["correlationSpan"]) for replica in live]
    known = against_latency.remembered(snapshot)
    if _seconds([known]) > _seconds(found):
        found = [known]
    pairs = [pair for some in found for pair in some]
    if problem := _too_little(found, pairs, snapshot):
        return RULE.unknown(problem)
    r = windows.rounded(correlation([pair.utilization for pair in pairs], [pair.latency for pair in pairs]))
    line = limits["correlationWeak"]
    text = f"utilization and inter-token latency correlate with {look.shown(r, line)} over {len(pairs)} pairs"
    evidence = Evidence("utilization_itl_correlation", r, Unit.RATIO, line, "Pearson's r")
    if abs(r) >= line:
        return RULE.clear(text, evidence)
    if reader := autoscalers.reading(snapshot, busy_time):
        text += f", and {autoscalers.label(reader[0])} scales on {reader[1]}"
        return RULE.fired(text, evidence, severity=Severity.WARNING)
    return RULE.fired(text, evidence)


def _seconds(found: Sequence[Sequence[Pair]]) -> float:
    return max((some[-1].at - some[0].at for some in found if some), default=0.0)


def _too_little(found: Sequence[Sequence[Pair]], pairs: Sequence[Pair], snapshot: Snapshot) -> str:
    """What stands in the way of a correlation; empty where nothing does."""
    limits = snapshot.thresholds
    seconds = _seconds(found)
    if not pairs:
        return "utilization and inter-token latency are not measured side by side on any replica"
    if seconds < limits["correlationSpan"] * (1 - windows.SLACK):
        return f"utilization and inter-token latency span {seconds:.0f} s of {limits['correlationSpan']:.0f} s"
    if len(pairs) < max(3.0, limits["correlationPoints"]):
        return f"only {len(pairs)} pairs of utilization and inter-token latency"
    low, high = (windows.quantile([pair.utilization for pair in pairs], q) for q in (0.05, 0.95))
    if windows.rounded(high - low) < limits["correlationSpread"] or high == low:
        return f"utilization hardly moved (from {low:.2f} to {high:.2f})"
    low, high = (windows.quantile([pair.latency for pair in pairs], q) for q in (0.05, 0.95))
    if low <= 0 or high == low or windows.rounded(high / low) < limits["correlationLatency"]:
        return f"inter-token latency hardly moved (from {low * 1000:.0f} to {high * 1000:.0f} ms)"
    return ""
