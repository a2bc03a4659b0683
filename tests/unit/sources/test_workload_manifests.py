"""Workloads in manifests: what is known of a service that nobody looked at."""

import pytest

from scalewarden.errors import BadObject
from scalewarden.model.workload import Engine
from scalewarden.sources.workload_manifests import described

VLLM = {"name": "a", "image": "vllm/vllm-openai:v0.32.0", "resources": {"limits": {"nvidia.com/gpu": 2}}}
POD = {"containers": [VLLM]}


def workload(kind: str = "Deployment", name: str = "llama", **metadata: str) -> dict[str, object]:
    return {"kind": kind, "metadata": {"name": name, **metadata}, "spec": {"replicas": 3, "template": {"spec": POD}}}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_workload_is_a_service_that_nobody_looked_at(kind: str) -> None:
    (found,) = described([workload(kind)], "serving")
    snapshot = found.snapshot
    assert (snapshot.name, snapshot.namespace, snapshot.target.kind) == ("llama", "serving", kind)
    assert snapshot.replicas == ()
    assert (snapshot.engine, snapshot.replicas_desired, snapshot.workload.gpus_per_replica) == (Engine.VLLM, 3, 2)
    assert (snapshot.target.api_version, found.made, found.unplaced) == ("apps/v1", True, True)


def test_the_leader_of_a_group() -> None:
    group = {"size": 2, "leaderTemplate": {"spec": POD}, "workerTemplate": {"spec": POD}}
    spec = {"replicas": 1, "leaderWorkerTemplate": group}
    lws = {"kind": "LeaderWorkerSet", "metadata": {"name": "big"}, "spec": spec}
    (found,) = described([lws], "serving")
    assert found.snapshot.target.api_version == "leaderworkerset.x-k8s.io/v1"
    assert (found.snapshot.engine, found.snapshot.workload.gpus_per_replica) == (Engine.VLLM, 4)


def declared(name: str = "chat", **metadata: str) -> dict[str, object]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    spec = {"targetRef": target, "engine": "SGLang", "policy": {"minReplicas": 4}}
    return {"kind": "InferenceDeployment", "metadata": {"name": name, **metadata}, "spec": spec}


def hpa(**metadata: str) -> dict[str, object]:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    spec = {"scaleTargetRef": reference, "maxReplicas": 9}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "there", **metadata}, "spec": spec}


def test_what_stands_beside_it_counts() -> None:
    (found,) = described([hpa(), workload(namespace="serving"), declared()], "serving")
    assert (found.snapshot.name, found.snapshot.engine) == ("chat", Engine.SGLANG)
    assert (found.made, found.unplaced) == (False, False)
    assert found.declared.policy.min_replicas == 4
    assert [one.max_replicas for one in found.snapshot.autoscalers] == [9]


def test_what_stands_in_another_namespace_does_not() -> None:
    (found,) = described([hpa(namespace="b"), workload(namespace="a"), declared(namespace="b")], "serving")
    assert (found.snapshot.namespace, found.made, found.snapshot.autoscalers) == ("a", True, ())


@pytest.mark.parametrize("metadata", [{"name": "Not a name"}, {"name": ""}, {"name": 7}, {}])
def test_a_workload_without_a_name(metadata: dict[str, object]) -> None:
    with pytest.raises(BadObject):
        list(described([{"kind": "Deployment", "metadata": metadata}], "serving"))


def test_an_object_of_ours_that_does_not_hold_together() -> None:
    broken = {"kind": "InferenceDeployment", "metadata": {"name": "x"}, "spec": {}}
    with pytest.raises(BadObject, match="targetRef"):
        list(described([broken], "serving"))
