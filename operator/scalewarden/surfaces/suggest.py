"""A sound autoscaler for one service, before it is written down: what it follows, its targets, bounds and brakes.

Pure: the same snapshot gives the same suggestion. `suggest_hpa` and `suggest_keda` write it down.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.policy import Policy
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine, Target
from scalewarden.rules.autoscalers import label
from scalewarden.rules.gpu_use import uses_gpus
from scalewarden.signals.engines.table import EngineTable
from scalewarden.surfaces import suggest_targets as targets
from scalewarden.surfaces.suggest_lines import (
    GROWTH,
    LONGEST_PERIOD,
    LONGEST_STABILIZATION,
    PERIOD,
    SPARE,
    STABILIZATION,
)
from scalewarden.surfaces.suggest_series import Followed, follow
from scalewarden.surfaces.suggest_targets import Number, default


class Kind(StrEnum):
    """What is suggested, as the API calls it."""

    HPA = "HorizontalPodAutoscaler"
    SCALED_OBJECT = "ScaledObject"


@dataclass(frozen=True, slots=True)
class Metric:
    """An engine's series and the target of one replica, in the series' unit."""

    followed: Followed
    target: Number


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An autoscaler: name and namespace of the object, its target, and the InferenceDeployment (`service`) whose safe
    count it follows besides. Replica bounds are counts, stabilization and period of scale-down seconds. notes: what a
    person must do or know."""

    name: str
    namespace: str
    target: Target
    service: str
    metrics: tuple[Metric, ...]
    minimum: Number
    maximum: Number
    stabilization: Number
    period: Number
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """Why there is nothing to suggest, in one sentence."""

    why: str


def suggest(
    snapshot: Snapshot, table: EngineTable | None, kind: Kind, policy: Policy, safe: int | None = None
) -> Suggestion | Nothing:
    """The autoscaler for a service. table: its engine's, None where the engine is not known; safe: the count that its
    load needs now, None where that was not judged."""
    if why := _no_inference(snapshot, table):
        return Nothing(why)
    assert table is not None
    metrics = _metrics(snapshot, table)
    if not metrics:
        return Nothing(_no_series(snapshot, table))
    acting = next((one for one in snapshot.autoscalers if one.kind == kind), next(iter(snapshot.autoscalers), None))
    minimum = _minimum(snapshot, policy, acting)
    stabilization = _stabilization(snapshot)
    return Suggestion(
        name=acting.name if acting and acting.kind == kind else snapshot.target.name,
        namespace=snapshot.namespace,
        target=snapshot.target,
        service=snapshot.name,
        metrics=metrics,
        minimum=minimum,
        maximum=_maximum(snapshot, acting, minimum.whole, safe),
        stabilization=stabilization,
        period=_period(snapshot),
        notes=tuple(_notes(snapshot, kind, table, metrics)),
    )


def _no_inference(snapshot: Snapshot, table: EngineTable | None) -> str:
    """Why it is none of this tool's business; empty where it is."""
    workload, gpus = snapshot.workload, uses_gpus(snapshot)
    on_cpu = gpus is False and not workload.resource_claims
    if table is None and on_cpu:
        return "it is no LLM inference: neither image nor command nor arguments name an engine, and its pods use no GPU"
    if table is None:
        return "its engine is not known: name it in spec.engine of an InferenceDeployment for this target"
    if on_cpu:
        return (
            f"{table.engine} runs on CPUs here, where an HPA on CPU follows the load: there is no GPU metric to misread"
        )
    return ""


def _no_series(snapshot: Snapshot, table: EngineTable) -> str:
    if snapshot.engine is Engine.CUSTOM:
        return "spec.signals.custom names no series for kv_usage, waiting or running that an autoscaler could follow"
    if not table.rows:
        return f"{table.silent}, so there is no number that follows its load: {table.switch}"
    return f"{table.engine} shows no queue, batch or KV cache on the pods of this target"


def _metrics(snapshot: Snapshot, table: EngineTable) -> tuple[Metric, ...]:
    """KV cache and queue; running requests where one of them is not exported and the batch limit is known."""
    kv, waiting = (follow(snapshot, table, name) for name in (SignalName.KV_USAGE, SignalName.WAITING))
    found = []
    if kv:
        found.append(Metric(kv, targets.kv_target(snapshot)))
    if waiting:
        found.append(Metric(waiting, targets.waiting_target(snapshot)))
    running = follow(snapshot, table, SignalName.RUNNING) if len(found) < 2 else None
    limit = targets.running_target(snapshot) if running else None
    if running and limit:
        found.append(Metric(running, limit))
    return tuple(found)


def _minimum(snapshot: Snapshot, policy: Policy, acting: Autoscaler | None) -> Number:
    """Never zero: at zero no engine is there whose metric would wake one."""
    found = _there(snapshot)
    if acting and acting.min_replicas is not None:
        zero = "" if acting.min_replicas else ", whose 0 nothing would end: at zero no engine shows a metric"
        found = Number(max(1, acting.min_replicas), f"As in {label(acting)}{zero}.")
    declared = policy.min_replicas
    if declared is not None and declared > found.value:
        return Number(declared, "Declared: spec.policy.minReplicas of the InferenceDeployment.")
    return found


def _there(snapshot: Snapshot) -> Number:
    there = max(1, snapshot.replicas_desired)
    if there < SPARE.default:
        return Number(there, "As many as its target asks for.")
    return Number(SPARE.default, f"{default(SPARE)}.")


def _maximum(snapshot: Snapshot, acting: Autoscaler | None, minimum: int, safe: int | None) -> Number:
    """At least what is there and what the load needs: an autoscaler brings a target down to its maximum at once."""
    needed = max(snapshot.replicas_desired, minimum, safe or 0, 1)
    room = "see that there are GPUs for as many"
    if acting and acting.max_replicas is not None and acting.max_replicas >= needed:
        return Number(acting.max_replicas, f"As in {label(acting)}.")
    if acting and acting.max_replicas is not None:
        why = f"{label(acting)} has {acting.max_replicas}, and {needed} are there, needed or its minimum; {room}."
        return Number(needed, why)
    times, source = GROWTH.default, f"default {GROWTH.name} {GROWTH.default:g}, {GROWTH.source}"
    why = f"{times:g} times the {needed} that are there or needed ({source}); {room}."
    return Number(math.ceil(times * needed), why)


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


def _stabilization(snapshot: Snapshot) -> Number:
    start = _start(snapshot)
    if start.value > LONGEST_STABILIZATION:
        return Number(
            LONGEST_STABILIZATION, f"{start.why}; {LONGEST_STABILIZATION:.0f} s is the most that the API takes."
        )
    return Number(math.ceil(start.value), f"{start.why}.")


def _period(snapshot: Snapshot) -> Number:
    start = _start(snapshot).value
    if start > LONGEST_STABILIZATION:
        return Number(LONGEST_PERIOD, f"A start takes longer, and the API takes no more than {LONGEST_PERIOD:.0f} s.")
    return Number(PERIOD.default, f"{default(PERIOD)}.")


def _notes(snapshot: Snapshot, kind: Kind, table: EngineTable, metrics: tuple[Metric, ...]) -> Iterator[str]:
    workload = snapshot.workload
    for one in snapshot.autoscalers:
        if one.kind != kind:
            yield f"delete {label(one)} first: two autoscalers on one target overwrite each other (ASC609)"
    if workload.metrics_off:
        yield f"the engine serves no metrics yet, {workload.metrics_off}: {table.switch}"
    elif not any(one.followed.seen for one in metrics) and snapshot.replicas:
        yield f"none of these series was read on a replica: {table.switch}"
    if workload.role is not None:
        yield f"this target is the {workload.role} half of its service: suggest for the other half too"
    if uses_gpus(snapshot) is None:
        yield "it is not known whether its pods use GPUs: their pod template is not there"
