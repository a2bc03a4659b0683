"""The generated CRDs on a real API server: taken, defaulted, printed, explained; bad objects refused with advice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_manifest import manifests
from scalewarden.surfaces.crd_yaml import as_yaml
from tests.unit.model.objects import BAD, GOOD, Bad, deployment
from tools.localcluster import CommandFailedError, LocalCluster

pytestmark = pytest.mark.cluster

MINIMAL = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama-70b"}
STATUS: dict[str, Any] = {
    "observedGeneration": 1,
    "replicas": {"desired": 4, "ready": 4},
    "diagnosis": {"regime": "KVCacheBound", "confidence": "High", "summary": "the KV cache is full"},
    "safeReplicas": 4,
    "bindingTest": "KVCacheUsage",
    "summary": {"kvUsage": 0.93, "waiting": 12, "tokensPerSecond": 1810},
    "findings": [
        {
            "rule": "KVC201",
            "status": "Fired",
            "evidence": [{"signal": "kv_usage", "value": 0.93, "unit": "fraction", "threshold": 0.8}],
        }
    ],
    "decisions": [{"time": "2026-11-21T23:00:00Z", "actor": "alice", "from": 4, "to": 3, "verdict": "Deny"}],
    "conditions": [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": "2026-11-21T23:00:00Z",
        }
        for kind, status, reason, message in (
            ("Ready", "True", "Evaluated", "4 of 4 replicas answer"),
            ("ScaleDownSafe", "False", "KVCachePressure", "a removal would fill the KV cache"),
        )
    ],
}


@pytest.fixture(scope="module", autouse=True)
def definitions(cluster: LocalCluster) -> Iterator[None]:
    """Both CRDs, established."""
    for manifest in manifests():
        cluster.apply(as_yaml(manifest))
        name = manifest["metadata"]["name"]
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=30s")
    yield


def printed(cluster: LocalCluster, *arguments: str, **options: Any) -> str:
    """What kubectl prints on stdout."""
    return str(cluster.kubectl(*arguments, **options).stdout)


def refusal(cluster: LocalCluster, obj: dict[str, Any]) -> str:
    """What kubectl prints when the object is refused; fails where it is taken."""
    with pytest.raises(CommandFailedError) as refused:
        cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=json.dumps(obj))
    return str(refused.value.stderr)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_object_is_refused_with_advice(cluster: LocalCluster, shared: str, bad: Bad) -> None:
    said = refusal(cluster, deployment(bad.spec, namespace=shared))
    assert bad.field in said
    assert bad.server in said


@pytest.mark.parametrize("name", GOOD)
def test_a_good_object_is_taken_and_reads_the_same_as_offline(cluster: LocalCluster, shared: str, name: str) -> None:
    sent = deployment(GOOD[name], name="good", namespace=shared)
    text = printed(cluster, "apply", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(sent))
    assert InferenceDeployment.parse(json.loads(text)).spec == InferenceDeployment.parse(sent).spec


def test_defaults_are_filled_in(cluster: LocalCluster, namespace: str) -> None:
    cluster.apply(deployment({}, namespace=namespace))
    spec = cluster.get("inferencedeployment", "llama-70b", namespace)["spec"]
    assert spec == {
        "targetRef": MINIMAL,
        "engine": "Auto",
        "routing": "Auto",
        "signals": {"source": "Auto", "window": "10m"},
        "topology": {"interconnect": "Auto", "migProfile": "Auto"},
        "policy": {
            "mode": "Enforce",
            "autoscaling": "Warn",
            "maxHold": "6h",
            "onHold": {"autoscaler": "Refuse", "user": "Warn"},
            "autoscalerScaleDown": "Refuse",
            "stabilization": "5m",
            "annotate": True,
            "cooperate": {"pauseScaleIn": False, "podDeletionCost": False, "disruptionBudget": False},
        },
    }


def test_status_is_a_subresource_and_fills_the_table(cluster: LocalCluster, namespace: str) -> None:
    cluster.apply(deployment({}, namespace=namespace))
    patch = json.dumps({"status": STATUS})
    cluster.kubectl("patch", "infd", "llama-70b", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
    assert cluster.get("infd", "llama-70b", namespace)["status"] == STATUS
    heads, row = printed(cluster, "get", "infd", "-n", namespace).splitlines()
    assert heads.split() == ["NAME", "TARGET", "READY", "SAFE", "REGIME", "MODE", "SCALE-DOWN-SAFE", "AGE"]
    assert row.split()[:-1] == ["llama-70b", "llama-70b", "True", "4", "KVCacheBound", "Enforce", "False"]
    heads, row = printed(cluster, "get", "infd", "-n", namespace, "-o", "wide").splitlines()
    assert heads.split()[-4:] == ["KV", "WAITING", "TOKENS/S", "MESSAGE"]
    assert "0.93" in row
    assert row.endswith("1810       a removal would fill the KV cache")


def test_a_condition_needs_its_parts(cluster: LocalCluster, namespace: str) -> None:
    cluster.apply(deployment({}, namespace=namespace))
    patch = json.dumps({"status": {"conditions": [{"type": "Ready", "status": "Maybe"}]}})
    with pytest.raises(CommandFailedError) as refused:
        cluster.kubectl(
            "patch", "infd", "llama-70b", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch
        )
    assert 'supported values: "True", "False", "Unknown"' in refused.value.stderr
    assert "status.conditions[0].reason: Required value" in refused.value.stderr


def test_explain_shows_every_field_with_its_meaning(cluster: LocalCluster) -> None:
    said = printed(cluster, "explain", "infd.spec.policy")
    assert "Nobody goes below this count." in said
    assert "enum: Observe, Warn, Enforce" in said
    assert "smallest count" in printed(cluster, "explain", "infd.status.safeReplicas").lower()


def test_listed_among_all_scalewarden_objects(cluster: LocalCluster, namespace: str) -> None:
    cluster.apply(deployment({}, namespace=namespace))
    cluster.apply(fence(namespace, {"deployments/llama-70b": entry()}))
    said = printed(cluster, "get", "scalewarden", "-n", namespace, "-o", "name").split()
    assert said == [
        "inferencedeployment.scalewarden.dev/llama-70b",
        "scalefence.scalewarden.dev/scalewarden",
    ]


def entry(**changes: Any) -> dict[str, Any]:
    """A valid fence entry with changes."""
    return {
        "replicas": 4,
        "autoscalerReplicas": 4,
        "reason": "KVCachePressure",
        "message": "refused",
        "owner": "serving/llama-70b",
        "expiresAt": "2026-11-21T23:00:00Z",
        **changes,
    }


def fence(namespace: str, fences: dict[str, Any]) -> dict[str, Any]:
    """A ScaleFence with these entries."""
    return {
        "apiVersion": "scalewarden.dev/v1alpha1",
        "kind": "ScaleFence",
        "metadata": {"name": "scalewarden", "namespace": namespace},
        "fences": fences,
        "autoscaling": {
            "Deployment/llama-70b": {"mode": "Warn", "message": "scales on CPU", "owner": "serving/llama-70b"}
        },
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replicas": -1}, "should be greater than or equal to 0"),
        ({"message": "x" * 1025}, "may not be more than 1024 bytes"),
        ({"expiresAt": "tomorrow"}, "must be of type date-time"),
        ({"owner": None}, "Required value"),
    ],
    ids=["negative", "long message", "bad instant", "no owner"],
)
def test_a_bad_fence_is_refused(cluster: LocalCluster, shared: str, changes: dict[str, Any], said: str) -> None:
    assert said in refusal(cluster, fence(shared, {"deployments/llama-70b": entry(**changes)}))


def test_a_fence_of_a_thousand_services_is_taken(cluster: LocalCluster, namespace: str) -> None:
    many = {f"deployments/llama-{i:04d}": entry(message="x" * 1000) for i in range(1000)}
    cluster.kubectl("create", "-f", "-", input=json.dumps(fence(namespace, many)))
    assert len(cluster.get("scalefence", "scalewarden", namespace)["fences"]) == 1000


def test_the_printed_yaml_is_what_the_manifests_say() -> None:
    for manifest in manifests():
        assert yaml.safe_load(as_yaml(manifest)) == manifest


@pytest.fixture(scope="module")
def shared(cluster: LocalCluster) -> str:
    """A namespace for requests that leave nothing behind."""
    return "default"
