"""Builders of test objects: say only what the case is about, the rest is a quiet, healthy service.

    snapshot(replicas=[replica(kv=0.9, waiting=0, running=12), replica(kv=0.1)])
    snapshot(replicas=fleet(4, kv=0.60), autoscalers=[hpa(resource("cpu", 80))])

A signal's value may be a number (constant over `over` seconds), a list of numbers (one sample each, the last one
newest), a tuple of Points, a ready-made Reading or Absent, or None: then the signal is not there at all.
Everything ends at `AT` unless `age` moves the newest sample back. Pods are numbered by `snapshot`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource, TargetType
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Objectives
from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine, Gpu, Replica, Target, Workload

AT = 1_766_370_000.0
OVER = 600.0
EVERY = 15.0

Value = float | Sequence[float] | Sequence[Point] | Signal | None

_F, _R, _C, _T, _S = Unit.FRACTION, Unit.REQUESTS, Unit.COUNT, Unit.TOKENS, Unit.SECONDS
UNITS: Mapping[SignalName, Unit] = {
    SignalName.KV_USAGE: _F,
    SignalName.WAITING: _R,
    SignalName.WAITING_CAPACITY: _R,
    SignalName.RUNNING: _R,
    SignalName.PREEMPTIONS: _C,
    SignalName.GEN_TPS: Unit.TOKENS_PER_SECOND,
    SignalName.PREFILL_TPS: Unit.TOKENS_PER_SECOND,
    SignalName.FINISH_RATE: Unit.REQUESTS_PER_SECOND,
    SignalName.TTFT_P95: _S,
    SignalName.ITL_P95: _S,
    SignalName.ITL_MEAN: _S,
    SignalName.E2E_P99: _S,
    SignalName.QUEUE_MEAN: _S,
    SignalName.EFF_BATCH: Unit.SEQUENCES,
    SignalName.PREFIX_HIT: _F,
    SignalName.KV_TOKENS: _T,
    SignalName.INPUT_TOKENS: _T,
    SignalName.OUTPUT_TOKENS: _T,
    SignalName.GPU_BUSY: _F,
    SignalName.ENGINE_ACTIVE: _F,
    SignalName.KERNEL_UTILIZATION: _F,
    SignalName.SM_ACTIVE: _F,
    SignalName.TENSOR_ACTIVE: _F,
    SignalName.DRAM_ACTIVE: _F,
    SignalName.FB_USED: _F,
    SignalName.CPU_RATIO: _F,
    SignalName.GEN_TPS_PER_GPU: Unit.TOKENS_PER_SECOND,
    SignalName.GEN_TPS_PER_FULL_GPU: Unit.TOKENS_PER_SECOND,
    SignalName.NVLINK_BPS: Unit.BYTES_PER_SECOND,
    SignalName.PCIE_BPS: Unit.BYTES_PER_SECOND,
    SignalName.CPU_THROTTLED: _F,
    SignalName.GATEWAY_WAITING: _R,
}


# Series -----------------------------------------------------------------------------------------------------------


def constant(value: float, *, at: float = AT, over: float = OVER, every: float = EVERY) -> tuple[Point, ...]:
    """The same value at each scrape of the last `over` seconds."""
    return ramp(value, value, at=at, over=over, every=every)


def ramp(start: float, end: float, *, at: float = AT, over: float = OVER, every: float = EVERY) -> tuple[Point, ...]:
    """A straight line from `start` to `end` over the last `over` seconds."""
    count = max(1, round(over / every))
    return tuple(
        Point(at - over + index * over / count, start + (end - start) * index / count) for index in range(count + 1)
    )


def steps(*values: float, at: float = AT, every: float = EVERY) -> tuple[Point, ...]:
    """One sample a value, `every` seconds apart, the last one at `at`."""
    return tuple(Point(at - (len(values) - 1 - index) * every, float(value)) for index, value in enumerate(values))


def reading(
    name: SignalName | str,
    value: float | Sequence[float] | Sequence[Point],
    *,
    at: float = AT,
    over: float = OVER,
    every: float = EVERY,
    source: str = "",
    observations: float | None = None,
) -> Reading:
    """A measured signal in its canonical unit, with the series behind it."""
    name = SignalName(name)
    series = _series(value, at, over, every)
    return Reading(
        value=series[-1].value,
        unit=UNITS[name],
        at=series[-1].at,
        source=source or name.value,
        window=series[-1].at - series[0].at,
        series=series,
        observations=observations,
    )


def _series(
    value: float | Sequence[float] | Sequence[Point], at: float, over: float, every: float
) -> tuple[Point, ...]:
    if isinstance(value, (int, float)):
        return constant(float(value), at=at, over=over, every=every)
    if all(isinstance(one, Point) for one in value):
        return tuple(one for one in value if isinstance(one, Point))
    return steps(*(float(one) for one in value if not isinstance(one, Point)), at=at, every=every)


def signals(values: Mapping[str, Value], **how: Any) -> dict[SignalName, Signal]:
    """Canonical name → signal, for every value that is not None."""
    return {
        SignalName(name): value if isinstance(value, (Reading, Absent)) else reading(name, value, **how)
        for name, value in values.items()
        if value is not None
    }


# Replicas and GPUs ------------------------------------------------------------------------------------------------


def replica(
    pod: str = "",
    *,
    kv: Value = 0.30,
    waiting: Value = 0.0,
    running: Value = 4.0,
    age: float = 0.0,
    over: float = OVER,
    every: float = EVERY,
    ready: bool = True,
    ready_since: float | None = None,
    unready_since: float | None = None,
    ordinal: int | None = None,
    max_num_seqs: int | None = None,
    restarted_at: float | None = None,
    terminating: bool = False,
    gpus: Iterable[Gpu] = (),
    engines: int = 1,
    **more: Value,
) -> Replica:
    """One pod; `more` are further signals by canonical name (`preemptions=3`, `gen_tps=120`, `kv_tokens=400_000`)."""
    values: dict[str, Value] = {"kv_usage": kv, "waiting": waiting, "running": running, **more}
    return Replica(
        pod=pod,
        ready=ready,
        ready_since=ready_since,
        unready_since=unready_since,
        ordinal=ordinal,
        max_num_seqs=max_num_seqs,
        restarted_at=restarted_at,
        terminating=terminating,
        gpus=tuple(gpus),
        engines=engines,
        signals=signals(values, at=AT - age, over=over, every=every),
    )


def fleet(count: int, **same: Any) -> tuple[Replica, ...]:
    """`count` equal replicas; the keywords are those of `replica`."""
    return tuple(replica(**same) for _ in range(count))


def gpu(
    uuid: str = "GPU-0",
    *,
    mig_profile: str | None = None,
    gpu_instance: str | None = None,
    model: str | None = "NVIDIA H100 80GB HBM3",
    age: float = 0.0,
    over: float = OVER,
    every: float = EVERY,
    reports_kernel_utilization: bool = False,
    **values: Value,
) -> Gpu:
    """A GPU with signals by canonical name (`engine_active=0.3`, `kernel_utilization=0.9`)."""
    measured = signals(values, at=AT - age, over=over, every=every)
    return Gpu(uuid, mig_profile, gpu_instance, model, measured, reports_kernel_utilization)


def mig(profile: str = "1g.10gb", gpu_instance: str = "9", uuid: str = "GPU-0", **values: Any) -> Gpu:
    """A MIG slice; the keywords are those of `gpu`."""
    return gpu(uuid, mig_profile=profile, gpu_instance=gpu_instance, **values)


# Autoscalers ------------------------------------------------------------------------------------------------------


def resource(name: str = "cpu", target: float | None = 80, field: str = "spec.metrics[0]") -> AutoscalerMetric:
    """An HPA Resource metric with a Utilization target in percent."""
    return AutoscalerMetric(MetricSource.RESOURCE, name, TargetType.UTILIZATION, target, field=field)


def container_resource(
    name: str = "cpu", target: float | None = 80, field: str = "spec.metrics[0]"
) -> AutoscalerMetric:
    """An HPA ContainerResource metric."""
    return AutoscalerMetric(MetricSource.CONTAINER_RESOURCE, name, TargetType.UTILIZATION, target, field=field)


def pods_metric(
    name: str,
    target: float | None = 1,
    target_type: TargetType = TargetType.AVERAGE_VALUE,
    field: str = "spec.metrics[0]",
) -> AutoscalerMetric:
    """An HPA Pods metric."""
    return AutoscalerMetric(MetricSource.PODS, name, target_type, target, field=field)


def external(
    name: str,
    target: float | None = 1,
    target_type: TargetType = TargetType.AVERAGE_VALUE,
    field: str = "spec.metrics[0]",
) -> AutoscalerMetric:
    """An HPA External metric."""
    return AutoscalerMetric(MetricSource.EXTERNAL, name, target_type, target, field=field)


def trigger(
    name: str = "prometheus",
    query: str = "",
    target: float | None = None,
    field: str = "spec.triggers[0]",
    target_type: TargetType | None = None,
) -> AutoscalerMetric:
    """A KEDA trigger; `name` is its type."""
    return AutoscalerMetric(MetricSource.TRIGGER, name, target_type, target, query, field)


def hpa(*metrics: AutoscalerMetric, name: str = "llama-70b", **more: Any) -> Autoscaler:
    """A HorizontalPodAutoscaler on the built target."""
    return Autoscaler("HorizontalPodAutoscaler", name, "Deployment", "llama-70b", tuple(metrics), **more)


def scaled_object(*metrics: AutoscalerMetric, name: str = "llama-70b", **more: Any) -> Autoscaler:
    """A KEDA ScaledObject on the built target."""
    return Autoscaler("ScaledObject", name, "Deployment", "llama-70b", tuple(metrics), **more)


# Snapshots --------------------------------------------------------------------------------------------------------


def target(kind: str = "Deployment", name: str = "llama-70b") -> Target:
    """The scaled object."""
    return Target("apps/v1", kind, name, kind.lower() + "s")


def gpu_workload(**more: Any) -> Workload:
    """A pod template that asks for one GPU."""
    return Workload(
        **{"image": "vllm/vllm-openai:v0.21.0", "gpus_per_replica": 1, "gpu_resource": "nvidia.com/gpu", **more}
    )


def intent(from_: int, to: int, actor: Actor | str = Actor.AUTOSCALER, **more: Any) -> Intent:
    """A requested change of the replica count."""
    return Intent(from_, to, Actor(actor), **more)


def snapshot(
    replicas: Iterable[Replica] = (),
    *,
    desired: int | None = None,
    engine: Engine = Engine.VLLM,
    workload: Workload | None = None,
    autoscalers: Iterable[Autoscaler] = (),
    objectives: Objectives | None = None,
    thresholds: Mapping[str, float] | None = None,
    service: Mapping[str, Value] | None = None,
    target: Target = target(),
    **more: Any,
) -> Snapshot:
    """A service at `AT`; unnamed replicas become `llama-70b-0`, `llama-70b-1`, …

    desired defaults to the number of replicas; service holds service-wide signals by canonical name.
    """
    numbered = tuple(
        one if one.pod else replace(one, pod=f"{target.name}-{index}") for index, one in enumerate(replicas)
    )
    return Snapshot(
        **{
            "name": target.name,
            "namespace": "serving",
            "at": AT,
            "target": target,
            "replicas_desired": len(numbered) if desired is None else desired,
            "replicas": numbered,
            "engine": engine,
            "workload": gpu_workload() if workload is None else workload,
            "autoscalers": tuple(autoscalers),
            "objectives": objectives or Objectives(),
            "thresholds": Thresholds(dict(thresholds or {})),
            "signals": signals(service or {}),
            **more,
        }
    )


def later(snap: Snapshot, seconds: float) -> Snapshot:
    """The same service `seconds` later, its series moved along."""
    replicas = tuple(replace(one, signals=_moved(one.signals, seconds)) for one in snap.replicas)
    return replace(snap, at=snap.at + seconds, replicas=replicas, signals=_moved(snap.signals, seconds))


def _moved(measured: Mapping[SignalName, Signal], seconds: float) -> dict[SignalName, Signal]:
    return {name: _signal_later(signal, seconds) for name, signal in measured.items()}


def _signal_later(signal: Signal, seconds: float) -> Signal:
    if not isinstance(signal, Reading):
        return signal
    series = tuple(Point(point.at + seconds, point.value) for point in signal.series)
    return replace(signal, at=signal.at + seconds, series=series)
