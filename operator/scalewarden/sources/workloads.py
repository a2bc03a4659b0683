"""The target and its pod template: what is scaled, what it runs, which GPUs it asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from scalewarden.model.workload import Target, Workload
from scalewarden.signals.engines import TABLES
from scalewarden.sources.container import command_line, flag, fraction, integer
from scalewarden.sources.quantity import quantity

Object = Mapping[str, Any]

_MIG = "nvidia.com/mig-"
_GPUS = ("nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi", "gpu.intel.com/i915", "gpu.intel.com/xe")
_PLURALS = {"InferenceService": "inferenceservices", "LeaderWorkerSet": "leaderworkersets"}


def target_of(reference: Object, resource: str | None = None) -> Target:
    """The target that a reference or the object itself names (`apiVersion`, `kind`, `name` or `metadata.name`).

    resource is the plural that discovery gives; without it, the kind in lower case with an s.
    """
    kind = str(reference.get("kind") or "Deployment")
    name = reference.get("name") or child(reference, "metadata").get("name") or ""
    plural = resource or _PLURALS.get(kind, f"{kind.lower()}s")
    return Target(str(reference.get("apiVersion") or "apps/v1"), kind, str(name), plural)


def desired_of(target: Object) -> int | None:
    """spec.replicas; None where the object does not say."""
    replicas = child(target, "spec").get("replicas")
    return replicas if isinstance(replicas, int) and not isinstance(replicas, bool) else None


def child(holder: Object, *path: str) -> Object:
    """The mapping at a path; empty where there is none."""
    found: Any = holder
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def children(holder: Object, key: str) -> list[Object]:
    """The mappings of a list; empty where there is none."""
    found = holder.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []


def pod_template_of(target: Object) -> Object:
    """The pod template of a workload: `spec.template`, or a LeaderWorkerSet's leader, which serves the metrics."""
    group = child(target, "spec", "leaderWorkerTemplate")
    return child(group, "leaderTemplate") or child(group, "workerTemplate") or child(target, "spec", "template")


def workload_of(template: Object) -> Workload:
    """What a pod template (or a pod) says about engine, parallelism, GPUs and grace period."""
    spec = child(template, "spec")
    container = serving_container(spec)
    args = command_line(container)
    gpus = _gpus(children(spec, "containers"))
    resource = next(iter(gpus), None)
    image = container.get("image")
    grace = quantity(spec.get("terminationGracePeriodSeconds"))
    return Workload(
        image=image if isinstance(image, str) else None,
        args=args,
        tensor_parallel_size=integer(flag(args, "--tensor-parallel-size", "-tp", "--tp-size", "--tp")),
        max_num_seqs=integer(flag(args, "--max-num-seqs", "--max-running-requests")),
        gpus_per_replica=round(sum(gpus.values())) or None,
        gpu_resource=resource,
        mig_profile=resource.removeprefix(_MIG) if resource and resource.startswith(_MIG) else None,
        termination_grace_seconds=grace,
        gpu_memory_utilization=fraction(flag(args, "--gpu-memory-utilization", "--mem-fraction-static")),
    )


def serving_container(spec: Object) -> Object:
    """The container that serves: the one that runs a known engine, else asks for a GPU, else the first."""
    containers = children(spec, "containers")
    runs_engine = (one for one in containers if _runs_engine(one))
    asks_for_gpu = (one for one in containers if _gpus([one]))
    return next(runs_engine, None) or next(asks_for_gpu, None) or next(iter(containers), {})


def _runs_engine(container: Object) -> bool:
    line, image = " ".join(command_line(container)), str(container.get("image") or "").lower()
    return any(
        any(command in line for command in table.commands) or any(word in image for word in table.images)
        for table in TABLES.values()
    )


def _gpus(containers: Sequence[Object]) -> dict[str, float]:
    """GPU resources with their total, in the order of the containers; what is limited counts as requested."""
    found: dict[str, float] = {}
    for container in containers:
        resources = child(container, "resources")
        asked = {**child(resources, "limits"), **child(resources, "requests")}
        for name, value in asked.items():
            number = quantity(value) if name in _GPUS or str(name).startswith(_MIG) else None
            if number:
                found[name] = found.get(name, 0.0) + number
    return found
