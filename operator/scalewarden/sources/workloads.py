"""The target and its pod template: what is scaled, what it runs, which GPUs it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scalewarden.model.workload import Role, Target, Workload
from scalewarden.sources.container import command_line, flag, fraction, integer
from scalewarden.sources.launch import Started, agreed, started
from scalewarden.sources.launches import Fact
from scalewarden.sources.quantity import quantity
from scalewarden.sources.requests import asks_for_gpus, gpu_requests
from scalewarden.sources.tree import child as child
from scalewarden.sources.tree import children as children

Object = Mapping[str, Any]

ROLE_LABELS = ("llm-d.ai/role", "nvidia.com/dynamo-sub-component-type")
_ROLES = {"prefill": Role.PREFILL, "decode": Role.DECODE}
_NUMBERS = {
    "tensor_parallel_size": Fact.TENSOR_PARALLEL,
    "pipeline_parallel_size": Fact.PIPELINE_PARALLEL,
    "data_parallel_size": Fact.DATA_PARALLEL,
    "max_num_seqs": Fact.MAX_NUM_SEQS,
    "max_concurrent_requests": Fact.MAX_CONCURRENT,
    "max_model_len": Fact.MAX_LENGTH,
}
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


def pod_template_of(target: Object) -> Object:
    """The pod template of a workload: `spec.template`, or a LeaderWorkerSet's leader, which serves the metrics."""
    group = child(target, "spec", "leaderWorkerTemplate")
    return child(group, "leaderTemplate") or child(group, "workerTemplate") or child(target, "spec", "template")


def target_workload(target: Object) -> Workload:
    """What a target says of one replica: of a LeaderWorkerSet that is a whole group, with the GPUs of all its pods."""
    found, group = workload_of(pod_template_of(target)), child(target, "spec", "leaderWorkerTemplate")
    size, workers = group.get("size"), gpu_requests(child(group, "workerTemplate", "spec")).count
    if not isinstance(size, int) or isinstance(size, bool) or size < 2 or not workers:
        return found
    return replace(found, gpus_per_replica=(found.gpus_per_replica or 0) + (size - 1) * workers)


def workload_of(template: Object) -> Workload:
    """What a pod template (or a pod) says about engine, parallelism, GPUs and grace period."""
    spec = child(template, "spec")
    container = serving_container(spec)
    engines = started(container)
    gpus = gpu_requests(spec)
    image = container.get("image")
    return Workload(
        image=image if isinstance(image, str) else None,
        args=engines[0].words if engines else command_line(container),
        termination_grace_seconds=quantity(spec.get("terminationGracePeriodSeconds")),
        gpus_per_replica=gpus.count,
        gpu_resource=gpus.resource,
        mig_profile=gpus.mig_profile,
        gpu_shared=gpus.shared,
        resource_claims=gpus.claims,
        role=role_label(template) or agreed(engines, Started.role),
        **(_stated(engines) if engines else _guess(command_line(container))),
    )


def _stated(engines: Sequence[Started]) -> dict[str, Any]:
    """The facts that the engine's command line states, by field of Workload."""
    numbers = {
        name: agreed(engines, lambda one, fact=fact: one.number(fact))  # type: ignore[misc]
        for name, fact in _NUMBERS.items()
    }
    launch, port = engines[0].launch, agreed(engines, Started.port)
    return numbers | {
        "runtime": launch.runtime,
        "gpu_memory_utilization": agreed(engines, lambda one: one.share(Fact.MEMORY)),
        "free_memory_fraction": agreed(engines, lambda one: one.share(Fact.FREE_MEMORY)),
        "prefix_caching": agreed(engines, lambda one: one.is_on(Fact.PREFIX_CACHING)),
        "served_model_name": agreed(engines, Started.name),
        "metrics_off": agreed(engines, Started.metrics_off),
        "stated_port": port,
        "metrics_port": port or launch.port,
        "metrics_path": launch.path,
        "own_metrics_port": launch.own_port,
    }


def _guess(args: Sequence[str]) -> dict[str, Any]:
    """An image of one's own tells nothing; the commonest flags still mean what they say."""
    return {
        "tensor_parallel_size": integer(flag(args, "--tensor-parallel-size", "-tp", "--tp-size", "--tp")),
        "max_num_seqs": integer(flag(args, "--max-num-seqs", "--max-running-requests")),
        "gpu_memory_utilization": fraction(flag(args, "--gpu-memory-utilization", "--mem-fraction-static")),
    }


def role_label(template: Object) -> Role | None:
    """The role that a label of the pods gives."""
    labels = child(template, "metadata", "labels")
    return next((_ROLES[value] for key in ROLE_LABELS if (value := str(labels.get(key))) in _ROLES), None)


def serving_container(spec: Object) -> Object:
    """The container that serves: the one that runs a known engine, else asks for a GPU, else the first."""
    containers = children(spec, "containers")
    runs_engine = (one for one in containers if started(one))
    asks_for_gpu = (one for one in containers if asks_for_gpus(one))
    return next(runs_engine, None) or next(asks_for_gpu, None) or next(iter(containers), {})
