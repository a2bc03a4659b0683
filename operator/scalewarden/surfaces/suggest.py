"""A sound autoscaler for one service, before it is written down: what it follows, its targets, bounds and brakes.

Pure: the same snapshot gives the same suggestion. `suggest_hpa` and `suggest_keda` write it down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from scalewarden.model.policy import Policy
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine, Target
from scalewarden.rules.autoscalers import label
from scalewarden.rules.gpu_use import uses_gpus
from scalewarden.signals.engines.table import EngineTable
from scalewarden.surfaces import suggest_bounds as bounds
from scalewarden.surfaces import suggest_targets as targets
from scalewarden.surfaces.suggest_series import Followed, follow
from scalewarden.surfaces.suggest_targets import Number


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
    snapshot: Snapshot,
    table: EngineTable | None,
    kind: Kind,
    policy: Policy,
    safe: int | None = None,
    *,
    on_gpus: bool | None = None,
) -> Suggestion | Nothing:
    """The autoscaler for a service. table: its engine's, None where the engine is not known; safe: the count that its
    load needs now, None where that was not judged; on_gpus: whether it runs on GPUs, None where the snapshot says."""
    if why := _no_inference(snapshot, table, uses_gpus(snapshot) if on_gpus is None else on_gpus):
        return Nothing(why)
    assert table is not None
    metrics = _metrics(snapshot, table)
    if not metrics:
        return Nothing(_no_series(snapshot, table))
    acting = next((one for one in snapshot.autoscalers if one.kind == kind), next(iter(snapshot.autoscalers), None))
    minimum = bounds.minimum(snapshot, policy, acting)
    name = acting.name if acting and acting.kind == kind else snapshot.target.name
    return Suggestion(
        name=name,
        namespace=snapshot.namespace,
        target=snapshot.target,
        service=snapshot.name,
        metrics=metrics,
        minimum=minimum,
        maximum=bounds.maximum(snapshot, acting, minimum.whole, safe),
        stabilization=bounds.stabilization(snapshot),
        period=bounds.period(snapshot),
        notes=(*_others(snapshot, kind, name), *_notes(snapshot, table, metrics)),
    )


def _no_inference(snapshot: Snapshot, table: EngineTable | None, on_gpus: bool | None) -> str:
    """Why it is none of this tool's business; empty where it is."""
    on_cpu = on_gpus is False and not snapshot.workload.resource_claims
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
    return f"{table.silent}, so there is no number that follows its load: {table.switch}"


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


def _others(snapshot: Snapshot, kind: Kind, name: str) -> Iterator[str]:
    """Autoscalers whose place it does not take."""
    for one in snapshot.autoscalers:
        if (one.kind, one.name) != (kind, name):
            yield f"delete {label(one)} first: two autoscalers on one target overwrite each other (ASC609)"


def _notes(snapshot: Snapshot, table: EngineTable, metrics: tuple[Metric, ...]) -> Iterator[str]:
    workload = snapshot.workload
    if workload.metrics_off:
        yield f"the engine serves no metrics yet, {workload.metrics_off}: {table.switch}"
    elif not any(one.followed.seen for one in metrics) and snapshot.replicas:
        yield f"none of these series was read on a replica: {table.switch}"
    if workload.role is not None:
        yield f"this target is the {workload.role} half of its service: suggest for the other half too"
    if uses_gpus(snapshot) is None:
        yield "it is not known whether its pods use GPUs: their pod template is not there"
