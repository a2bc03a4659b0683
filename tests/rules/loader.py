"""Reads the cases of a rule: a compact YAML description of a service and the finding it must give.

    - case: two samples in a row on the line
      given:
        replicas: [{kv: [0.8, 0.8]}, {kv: 0.3, count: 3}]
      expect:
        message: KV-cache usage is under pressure on …
        evidence: [{signal: kv_usage, value: 0.8, unit: fraction, threshold: 0.8, replica: llama-70b-0}]

The file's name is the status: fires, clear or unknown. A signal is a number (constant over the window), a list (one
sample each), or a mapping: {ramp: [from, to]}, {steps: [...]}, {constant: v}, each with over/every/age in seconds, a
source, or observations; or {absent: cause, for_good: true}; null means it was never read. Keywords are those of
tests/builders.py; ready_since and unready_since are seconds ago.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import yaml

from scalewarden.model.autoscaler import (
    Autoscaler,
    AutoscalerMetric,
    Fallback,
    Pause,
    ScalingPolicy,
    ScalingRules,
    Select,
    TargetType,
)
from scalewarden.model.baseline import Bucket, Learned, LowerSize
from scalewarden.model.finding import Severity, Status
from scalewarden.model.fingerprint import Fingerprint
from scalewarden.model.policy import Objectives
from scalewarden.model.signal import Absent, Point, SignalName
from scalewarden.model.snapshot import History, Removed, ScaleUp, Snapshot
from scalewarden.model.topology import Interconnect, Link
from scalewarden.model.workload import Engine, Gpu, Replica, Workload
from tests import builders as build

HERE = Path(__file__).parent
STATUS = {"fires": Status.FIRED, "clear": Status.CLEAR, "unknown": Status.UNKNOWN}
Described = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One description with the finding it must give."""

    name: str
    rule: str
    snapshot: Snapshot
    status: Status
    severity: Severity | None
    message: str
    evidence: tuple[Described, ...]


def cases(rule: str, folder: Path) -> Iterator[Case]:
    """All cases of one rule's folder."""
    for stem, status in STATUS.items():
        for found in yaml.safe_load((folder / f"{stem}.yaml").read_text(encoding="utf-8")):
            expect = found["expect"]
            yield Case(
                f"{stem}: {found['case']}",
                rule,
                snapshot(found.get("given", {})),
                status,
                Severity(expect["severity"]) if "severity" in expect else None,
                expect["message"],
                tuple(expect.get("evidence", ())),
            )


def snapshot(given: Described) -> Snapshot:
    """The described service; what is not said is quiet and healthy."""
    more = dict(given)
    replicas = [one for described in more.pop("replicas", ()) for one in _replicas(described)]
    autoscalers = [_autoscaler(described) for described in more.pop("autoscalers", ())]
    if "workload" in more:
        more["workload"] = _workload(more["workload"])
    if "engine" in more:
        more["engine"] = Engine(more["engine"])
    if "objectives" in more:
        more["objectives"] = Objectives(**more["objectives"])
    if "learned" in more or "lower" in more:
        batches = tuple(Bucket(at=build.AT, **bucket) for bucket in more.pop("learned", ()))
        lower = LowerSize(at=build.AT - 86400, **more.pop("lower")) if "lower" in more else None
        more["learned"] = Learned(Fingerprint(), build.AT, batches=batches, lower=lower)
    if "link" in more:
        more["interconnect"] = Interconnect(Link(more["link"]), f"as the case says, {more.pop('link')}")
    if "intent" in more:
        asked = dict(more["intent"])
        more["intent"] = build.intent(asked.pop("from"), asked.pop("to"), **asked)
    if "service" in more:
        more["service"] = {name: _signal(name, value, {}) for name, value in more["service"].items()}
    if remembered := {name: more.pop(name) for name in ("removed", "scale_up", "safe_count") if name in more}:
        more["history"] = _history(**remembered)
    return build.snapshot(replicas, autoscalers=autoscalers, **more)


def _history(removed: Any = (), scale_up: Any = None, safe_count: Any = None) -> History:
    gone = [one for described in removed for one in _removed(described)]
    safe = () if safe_count is None else (Point(build.AT, safe_count),)
    seen = {"tokens_before": None, "waiting_before": None, **(scale_up or {})}
    known = ScaleUp(build.AT - seen.pop("ago"), seen.pop("from"), **seen) if scale_up else None
    return History(build.AT - 3600, safe_counts=safe, removed=tuple(gone), scale_up=known)


def _removed(described: Described) -> Iterator[Removed]:
    values = dict(described)
    ago = values.pop("ago")
    return (Removed(one, build.AT - ago) for one in _replicas(values))


def _replicas(described: Described) -> list[Replica]:
    values = dict(described)
    count = values.pop("count", 1)
    how: Described = {name: values[name] for name in ("age", "over", "every") if name in values}
    values |= {name: build.AT - values[name] for name in ("ready_since", "unready_since") if name in values}
    values["gpus"] = [_gpu(gpu, how) for gpu in values.get("gpus", ())]
    names = {"kv": "kv_usage"} | {name.value: name.value for name in SignalName}
    signals = {key: _signal(names[key], value, how) for key, value in values.items() if key in names}
    return list(build.fleet(count, **(values | signals)))


def _gpu(described: Described, how: Described) -> Gpu:
    values = dict(described)
    signals = {key: _signal(key, value, how) for key, value in values.items() if key in set(SignalName)}
    return build.gpu(**(dict(how) | values | signals))


def _signal(name: str, value: Any, how: Described) -> build.Value:
    if not isinstance(value, Mapping):
        return cast("build.Value", value)
    if "absent" in value:
        return Absent(value["absent"], value.get("for_good", False))
    own: Described = {**how, **{key: value[key] for key in ("age", "over", "every") if key in value}}
    timing = {"at": build.AT - own.get("age", 0.0), "every": own.get("every", build.EVERY)}
    over = own.get("over", build.OVER)
    if "ramp" in value:
        points = build.ramp(*value["ramp"], over=over, **timing)
    elif "steps" in value:
        points = build.steps(*value["steps"], **timing)
    else:
        points = build.constant(value["constant"], over=over, **timing)
    return build.reading(name, points, source=value.get("source", ""), observations=value.get("observations"))


def _workload(described: Described | None) -> Workload:
    if described is None:
        return Workload()
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in described.items()}
    return Workload(**values) if values.pop("cpu_only", False) else build.gpu_workload(**values)


def _autoscaler(described: Described) -> Autoscaler:
    values = dict(described)
    make = {"hpa": build.hpa, "scaledobject": build.scaled_object}[values.pop("kind", "hpa")]
    metrics = [_metric(index, metric) for index, metric in enumerate(values.pop("metrics", ()))]
    values["ignore_reason"] = values.pop("ignore", None)
    if "scale_down" in values:
        values["scale_down"] = _scaling_rules(values["scale_down"])
    if "paused" in values:
        values["paused"] = Pause(values["paused"])
    if "fallback" in values:
        values["fallback"] = Fallback(**values["fallback"])
    return make(*metrics, **values)


def _scaling_rules(described: Described) -> ScalingRules:
    values = dict(described)
    policies = tuple(ScalingPolicy(**policy) for policy in values.pop("policies", ()))
    select = Select(values.pop("select")) if "select" in values else None
    return ScalingRules(**values, select=select, policies=policies)


READ = ("current", "activation", "ignore_null_values")
"""What a metric's object or status says besides what the builders ask for."""


def _metric(index: int, described: Described) -> AutoscalerMetric:
    values = dict(described)
    make: Mapping[str, Callable[..., AutoscalerMetric]] = {
        "resource": build.resource,
        "container": build.container_resource,
        "pods": build.pods_metric,
        "external": build.external,
        "trigger": build.trigger,
    }
    kind = next(key for key in make if key in values)
    where = "spec.triggers" if kind == "trigger" else "spec.metrics"
    name = values.pop(kind)
    read = {key: values.pop(key) for key in READ if key in values}
    if "target_type" in values:
        values["target_type"] = TargetType(values["target_type"])
    return replace(make[kind](name, **{"field": f"{where}[{index}]", **values}), **read)
