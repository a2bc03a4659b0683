"""What a pod asks of its node: GPUs, slices of them, and CPU."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scalewarden.sources.quantity import quantity
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

MIG = "nvidia.com/mig-"
SHARED = ("nvidia.com/gpu.shared",)
"""Resources of which several stand for one device: time-slicing or MPS with renaming on."""
GPUS = (
    "nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi",
    "google.com/tpu", "aws.amazon.com/neuron", "aws.amazon.com/neuroncore", *SHARED,
)  # fmt: skip
"""Accelerators by their device plugins' names; a TPU or Neuron device counts as a GPU everywhere."""
GPU_PREFIXES = (MIG, "gpu.intel.com/")
_NO_GPUS = ("gpu.intel.com/millicores", "gpu.intel.com/memory.max", "gpu.intel.com/tiles", "gpu.intel.com/monitoring",
            "gpu.intel.com/i915_monitoring", "gpu.intel.com/xe_monitoring")  # fmt: skip
"""Shares and side doors of Intel's plugin: they come beside a device or without one."""


@dataclass(frozen=True, slots=True)
class GpuRequests:
    """The GPUs of one pod. count is None where none is asked for by number; resource is the first one's name.

    shared: a share of a device, not a whole one. claims are the names of dynamic resource claims that containers use;
    what they hold is not known from the pod.
    """

    count: int | None = None
    resource: str | None = None
    mig_profile: str | None = None
    shared: bool = False
    claims: tuple[str, ...] = ()


def gpu_requests(spec: Object) -> GpuRequests:
    """The GPUs that a pod's containers hold together, side cars included, containers that end before them not."""
    found: dict[str, float] = {}
    for container in _running(spec):
        for name, number in _gpus(container):
            found[name] = found.get(name, 0.0) + number
    resource = next(iter(found), None)
    return GpuRequests(
        count=round(sum(found.values())) or None,
        resource=resource,
        mig_profile=resource.removeprefix(MIG) if resource and resource.startswith(MIG) else None,
        shared=resource in SHARED,
        claims=_claims(spec),
    )


def asks_for_gpus(container: Object) -> bool:
    """True for a container with a GPU, or with a claim to some device."""
    return any(True for _ in _gpus(container)) or bool(children(child(container, "resources"), "claims"))


def cpu_requests(spec: Object) -> dict[str, float]:
    """Cores asked for, by container that asks; under "" where the pod asks as a whole. What is limited only counts
    as requested, as in Kubernetes."""
    whole = _cpu(spec)
    if whole:
        return {"": whole}
    each = ((str(container.get("name", "")), _cpu(container)) for container in _running(spec))
    return {name: cores for name, cores in each if cores and name}


def _running(spec: Object) -> Iterator[Object]:
    """The containers that run side by side: an init container that is restarted always is a side car."""
    yield from children(spec, "containers")
    yield from (one for one in children(spec, "initContainers") if one.get("restartPolicy") == "Always")


def _asked(holder: Object) -> dict[str, Any]:
    resources = child(holder, "resources")
    return {**child(resources, "limits"), **child(resources, "requests")}


def _cpu(holder: Object) -> float | None:
    cores = quantity(_asked(holder).get("cpu"))
    return cores if cores and cores > 0 else None


def _gpus(container: Object) -> Iterator[tuple[str, float]]:
    for name, value in _asked(container).items():
        if name not in _NO_GPUS and (name in GPUS or str(name).startswith(GPU_PREFIXES)):
            number = quantity(value)
            if number and number > 0:
                yield name, number


def _claims(spec: Object) -> tuple[str, ...]:
    """Claims of the pod that a container uses; all of the pod's where no container says which."""
    used = {str(claim.get("name")) for one in _running(spec) for claim in children(child(one, "resources"), "claims")}
    declared = [str(claim.get("name")) for claim in children(spec, "resourceClaims")]
    return tuple(name for name in declared if name in used or not used)
