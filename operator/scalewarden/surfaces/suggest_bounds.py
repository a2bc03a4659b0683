"""How many replicas a suggested autoscaler may run, and how slowly it removes them; each number with its source."""

import math

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules.autoscalers import label
from scalewarden.surfaces.suggest_lines import (
    GROWTH,
    LONGEST_PERIOD,
    LONGEST_STABILIZATION,
    MOST_REPLICAS,
    PERIOD,
    SPARE,
    STABILIZATION,
)
from scalewarden.surfaces.suggest_targets import Number, default


def minimum(snapshot: Snapshot, policy: Policy, acting: Autoscaler | None) -> Number:
    """Never zero: at zero no engine is there whose metric would wake one."""
    found, declared = _there(snapshot), policy.min_replicas
    if acting and acting.min_replicas is not None:
        zero = "" if acting.min_replicas else ", whose 0 nothing would end: at zero no engine shows a metric"
        found = Number(min(max(1, acting.min_replicas), MOST_REPLICAS), f"As in {label(acting)}{zero}.")
    if declared is not None and declared > found.value:
        return Number(declared, "Declared: spec.policy.minReplicas of the InferenceDeployment.")
    return found


def _there(snapshot: Snapshot) -> Number:
    there = max(1, snapshot.replicas_desired)
    if there < SPARE.default:
        return Number(there, "As many as its target asks for.")
    return Number(SPARE.default, f"{default(SPARE)}.")


def maximum(snapshot: Snapshot, acting: Autoscaler | None, least: int, safe: int | None) -> Number:
    """At least what is there and what the load needs: an autoscaler brings a target down to its maximum at once."""
    needed = min(max(snapshot.replicas_desired, least, safe or 0, 1), MOST_REPLICAS)
    room = "see that there are GPUs for as many"
    if acting and acting.max_replicas is not None and acting.max_replicas >= needed:
        return Number(min(acting.max_replicas, MOST_REPLICAS), f"As in {label(acting)}.")
    if acting and acting.max_replicas is not None:
        why = f"{label(acting)} has {acting.max_replicas}, and {needed} are there, needed or its minimum; {room}."
        return Number(needed, why)
    times, source = GROWTH.default, f"default {GROWTH.name} {GROWTH.default:g}, {GROWTH.source}"
    why = f"{times:g} times the {needed} that are there or needed ({source}); {room}."
    return Number(min(math.ceil(times * needed), MOST_REPLICAS), why)


def _start(snapshot: Snapshot) -> Number:
    """Seconds that a replica takes to come back, no less than the dwell and what Kubernetes waits by default."""
    limits, measured = snapshot.thresholds, snapshot.cold_start
    start = limits["coldStart"] if measured is None else measured
    said = "No start was measured, coldStart is" if measured is None else "Observed: the slowest start took"
    dwell, least = limits["dwell"], STABILIZATION.default
    if start >= max(dwell, least):
        return Number(start, f"{said} {start:.0f} s, and what is removed takes as long to come back")
    if dwell >= least:
        return Number(dwell, f"{said} {start:.0f} s, and no removal is judged safe for {dwell:.0f} s (dwell)")
    return Number(least, f"{said} {start:.0f} s, and {least:.0f} s are {STABILIZATION.source}")


def stabilization(snapshot: Snapshot) -> Number:
    """Seconds for which a removal must have been wanted."""
    start = _start(snapshot)
    if start.value > LONGEST_STABILIZATION:
        return Number(
            LONGEST_STABILIZATION, f"{start.why}; {LONGEST_STABILIZATION:.0f} s is the most that the API takes."
        )
    return Number(math.ceil(start.value), f"{start.why}.")


def period(snapshot: Snapshot) -> Number:
    """Seconds in which one replica may go."""
    start = _start(snapshot).value
    if start > LONGEST_STABILIZATION:
        return Number(LONGEST_PERIOD, f"A start takes longer, and the API takes no more than {LONGEST_PERIOD:.0f} s.")
    return Number(PERIOD.default, f"{default(PERIOD)}.")
