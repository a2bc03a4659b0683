"""UTL103 oscillating-utilization

Finds: GPU utilization that swings between busy and idle while answers slow down in its troughs.
Why: an average of such a curve reads like half a load. But idle GPUs answer fast: if tokens come slower in the troughs
    the GPU waits there, for prompts to be prepared, for evicted requests, for another GPU or for the host.
Reads: engine_active, else kernel_utilization (never under MIG); itl_mean of the same replica.
Fires when: utilization of a replica turns utilizationTurns times or more within pressureWindow by over
    utilizationSwing, with a period of utilizationPeriod or more, and inter-token latency in its lower half is
    latencyInTroughs times that in its upper half or more.
Clear when: no replica's utilization does, or latency does not rise in the troughs: then load comes in waves.
Unknown when: utilization of a replica is not measured or spans less than risingSpan, or it swings and too few latencies
    are known.
Do: look at what happens in the troughs: preemption, prefill of long prompts, host CPU, a slow link.
References: dcgm-exporter refreshes every 30 s, so that shorter periods cannot be told from sampling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Point, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Replica
from scalewarden.rules import against_latency, look, meters, per_replica
from scalewarden.rules.conditions import Condition
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="UTL103",
    name="oscillating-utilization",
    severity=Severity.WARNING,
    summary="GPU utilization swings, and answers slow down in its troughs.",
    check_instead="inter-token latency in the troughs, and what the engine waits for there",
    remedy="Look at what happens in the troughs (preemption, long prompts, host CPU); do not read the mean as spare.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_IS_WASTE,),
    reads=("engine_active", "kernel_utilization", "itl_mean"),
    thresholds=(
        "utilizationSwing", "utilizationTurns", "utilizationPeriod", "latencyInTroughs", "pressureWindow", "risingSpan",
    ),
)  # fmt: skip

LEAST_EACH = 3
"""Latencies in troughs and in crests, each, for their means to be compared (ours)."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A series that turns: its height (fraction), the line between crests and troughs, and its period (s)."""

    height: float
    middle: float
    period: float


def check(snapshot: Snapshot) -> Finding:
    """Judge every live replica by itself."""
    live = look.live(snapshot)
    if live and not any(meters.utilizations(replica, snapshot) for replica in live):
        return RULE.unknown(meters.NOT_MEASURED)
    answers = [_judge(replica, snapshot) for replica in live]
    return per_replica.finding(RULE, snapshot, answers, lambda what, where: f"{what} ({where})")


def _judge(replica: Replica, snapshot: Snapshot) -> Condition:
    limits = snapshot.thresholds
    points = against_latency.utilization(replica, snapshot, limits["pressureWindow"])
    if not points:
        return Condition(None, f"utilization of {replica.pod} is not measured on each of its GPUs")
    if points[-1].at - points[0].at < limits["risingSpan"]:
        return Condition(None, f"utilization of {replica.pod} is known over only {points[-1].at - points[0].at:.0f} s")
    found = wave(points, limits)
    if found is None:
        return Condition(False, f"GPU utilization of {replica.pod} does not swing")
    what = f"GPU utilization of {replica.pod} swings by {found.height:.2f} about every {found.period:.0f} s"
    evidence = Evidence("utilization_swing", found.height, Unit.FRACTION, limits["utilizationSwing"], "", replica.pod)
    return _compare(replica, snapshot, found, what, evidence)


def wave(points: Sequence[Point], limits: Thresholds) -> Wave | None:
    """The oscillation of a series; None where it turns too seldom, too little or too fast."""
    turns = turning_points(points, limits["utilizationSwing"])
    if len(turns) < max(2.0, limits["utilizationTurns"]):
        return None
    period = 2 * (turns[-1].at - turns[0].at) / (len(turns) - 1)
    if period < limits["utilizationPeriod"]:
        return None
    high, low = max(point.value for point in turns), min(point.value for point in turns)
    return Wave(windows.rounded(high - low), (high + low) / 2, period)


def turning_points(points: Sequence[Point], size: float) -> list[Point]:
    """The crests and troughs that are followed by a change of more than `size` the other way."""
    turns: list[Point] = []
    high = low = points[0]
    way = 0
    for point in points:
        high, low = max(high, point, key=_value), min(low, point, key=_value)
        if way >= 0 and windows.rounded(high.value - point.value) > size:
            turns.append(high)
            way, high, low = -1, point, point
        elif way <= 0 and windows.rounded(point.value - low.value) > size:
            turns.append(low)
            way, high, low = 1, point, point
    return turns


def _value(point: Point) -> float:
    return point.value


def _compare(replica: Replica, snapshot: Snapshot, found: Wave, what: str, swing: Evidence) -> Condition:
    """Latency below the middle against latency above it."""
    limits = snapshot.thresholds
    pairs = against_latency.pairs(replica, snapshot, limits["pressureWindow"])
    troughs = [pair.latency for pair in pairs if pair.utilization < found.middle]
    crests = [pair.latency for pair in pairs if pair.utilization >= found.middle]
    if min(len(troughs), len(crests)) < LEAST_EACH or fmean(crests) <= 0:
        return Condition(None, f"{what}, and inter-token latency in its troughs and crests is not known", (swing,))
    low, high, line = fmean(troughs), fmean(crests), limits["latencyInTroughs"]
    ratio = windows.rounded(low / high)
    what += f", and inter-token latency is {low * 1000:.0f} ms in its troughs, {high * 1000:.0f} ms in its crests"
    latency = Evidence("itl_trough_to_crest", ratio, Unit.RATIO, line, "itl_mean", replica.pod)
    return Condition(ratio >= line, what, (swing, latency))
