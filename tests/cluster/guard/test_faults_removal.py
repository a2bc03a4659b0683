"""Scalewarden taken away, in any order: nothing is locked, and nothing of it is left in the API server."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.guard.bench import RELEASE, Bench, Guard, install
from tests.cluster.guard.load import WEBHOOK, wait_until_known
from tests.cluster.operator_process import OperatorProcess
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

KINDS = ("inferencedeployments.scalewarden.dev", "scalefences.scalewarden.dev")
BINDINGS = ("scalewarden-fence", "scalewarden-autoscalers", "scalewarden-break-glass")


@pytest.fixture
def fenced(installed: LocalCluster, port: int) -> Iterator[Bench]:
    """A judged service; afterwards the chart is whole again."""
    bench = Bench.make(installed)
    bench.judge(safe=4)
    bench.fence()
    yield bench
    install(installed, port)
    installed.kubectl("wait", "--for=condition=Established", "crd", *KINDS, "--timeout=30s")
    installed.kubectl("delete", "namespace", bench.namespace, "--wait=false")


def test_definitions_deleted_before_the_bindings_lock_nothing(
    fenced: Bench, start_guard: Callable[..., Guard], installed: LocalCluster, port: int
) -> None:
    guard = start_guard()
    wait_until_known(fenced)
    installed.kubectl("delete", "crd", *KINDS, "--timeout=60s")
    installed.wait_for(lambda: fenced.scale(2).done, "what the fence refused", 20)
    for replicas in (6, 1, 4):
        assert fenced.scale(replicas).done
    assert fenced.autoscale(2).done and fenced.scale(4).done
    assert guard.process.poll() is None and guard.get("/livez") == 200
    install(installed, port)
    installed.kubectl("wait", "--for=condition=Established", "crd", *KINDS, "--timeout=30s")
    installed.wait_for(lambda: _described_again(fenced), "the kinds to be served", 30)
    fenced.judge(safe=4)
    fenced.fence()
    installed.wait_for(lambda: WEBHOOK in fenced.scale(2, "--dry-run=server").said, "the guard to watch again", 40)
    assert "Traceback" not in guard.log.read_text()
    guard.stop()


def _described_again(bench: Bench) -> bool:
    return bench.kubectl("apply", "-f", "-", obj=bench.service()).done


def test_bindings_deleted_before_the_definitions_lock_nothing_either(fenced: Bench, installed: LocalCluster) -> None:
    installed.kubectl("delete", "validatingadmissionpolicybinding", *BINDINGS)
    installed.wait_for(lambda: fenced.scale(2).done, "what the fence refused", 20)
    installed.kubectl("delete", "crd", *KINDS, "--timeout=60s")
    for replicas in (6, 1, 4):
        assert fenced.scale(replicas).done


def test_policies_without_any_definition_from_the_start_let_everything_pass(
    fenced: Bench, installed: LocalCluster
) -> None:
    """As where the definitions were forgotten, and the API server has restarted since."""
    installed.kubectl("delete", "crd", *KINDS, "--timeout=60s")
    installed.restart("apiserver")
    installed.wait_for(lambda: fenced.scale(6).done, "an increase", 30)
    installed.wait_for(lambda: fenced.scale(2).done, "a decrease", 20)


CHANGES_BY_ITSELF = {"events", "leases", "endpointslices", "endpoints", "pods", "nodes", "replicasets"}
"""Kinds whose objects come and go in any cluster; events are gone after an hour, leases are looked for by name."""
MOVES = ("resourceVersion", "generation", "managedFields")


def everything(cluster: LocalCluster, leaving: set[str]) -> dict[str, Any]:
    """All objects of all kinds, without what moves by itself and the namespaces that other tests leave behind."""
    names = cluster.kubectl("api-resources", "--verbs=list", "-o", "name", "--no-headers").stdout.split()
    plurals = [name for name in names if name.partition(".")[0] not in CHANGES_BY_ITSELF | {"componentstatuses"}]
    listed = cluster.kubectl("get", ",".join(plurals), "-A", "-o", "json").stdout
    found = {}
    for obj in json.loads(listed)["items"]:
        if obj["metadata"].get("namespace", obj["metadata"]["name"]) in leaving:
            continue
        metadata = {key: value for key, value in obj["metadata"].items() if key not in MOVES}
        name = "/".join((obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"]))
        found[name] = {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}
    return found


def test_after_an_uninstallation_the_objects_are_those_from_before_the_installation(
    installed: LocalCluster, port: int, start_guard: Callable[..., Guard], tmp_path: Any
) -> None:
    """With operator and guard having worked, as docs/guides/uninstall.md says it."""
    cluster = installed
    cluster.helm("uninstall", *RELEASE[:1], "-n", "scalewarden")
    cluster.kubectl("delete", "crd", *KINDS, "--ignore-not-found", "--timeout=60s")
    cluster.kubectl("delete", "namespace", "scalewarden", "--timeout=60s")
    bare = Bench.make(cluster, described=False)
    cluster.kubectl("wait", "--for=jsonpath={.status.observedGeneration}=1", "deployment/llama", "-n", bare.namespace)
    spaces = [one["metadata"] for one in cluster.list("namespaces")]
    leaving = {one["name"] for one in spaces if one.get("deletionTimestamp")}
    before = everything(cluster, leaving)
    install(cluster, port)
    guard = start_guard()
    token = cluster.kubeconfig_for(cluster.token("scalewarden", "scalewarden-operator"), "operator")
    with OperatorProcess(token, tmp_path / "operator.log", "--lease-namespace", "scalewarden") as operator:
        cluster.wait_for(operator.ready, "the operator to be ready", 40)
        assert bare.kubectl("label", "namespace", bare.namespace, "scalewarden.dev/guard=enabled").done
        cluster.apply(bare.service(minReplicas=3))
        cluster.wait_for(lambda: "deployments/llama" in bare.fences(), "a fence", 40)
        cluster.wait_for(lambda: not bare.scale(2).done, "a refusal", 20)
        cluster.wait_for(lambda: "scalewarden.dev/verdict" in annotations(bare), "the annotations", 20)
        added = everything(cluster, leaving).keys() - before.keys()
        assert len(added) > 20 and all("scalewarden" in name for name in added - children(bare))
        assert operator.stop() == 0
        assert "Traceback" not in operator.log
    guard.stop()
    try:
        cluster.helm("uninstall", *RELEASE[:1], "-n", "scalewarden")
        cluster.kubectl("delete", "crd", *KINDS, "--timeout=60s")
        cluster.kubectl("label", "namespace", bare.namespace, "scalewarden.dev/guard-")
        bare.kubectl("annotate", "hpa,deployment", "--all", "scalewarden.dev/verdict-", "scalewarden.dev/findings-")
        cluster.kubectl("delete", "namespace", "scalewarden", "--timeout=60s")
        after = everything(cluster, leaving)
        assert sorted(after) == sorted(before)
        assert [name for name in before if after[name] != before[name]] == []
        leases = cluster.list("leases")
        assert [one for one in leases if "scalewarden" in one["metadata"]["name"]] == []
    finally:
        install(cluster, port)
        cluster.kubectl("delete", "namespace", bare.namespace, "--wait=false")


def children(bench: Bench) -> set[str]:
    """What Kubernetes makes in every namespace, and what is described in this one."""
    api = "scalewarden.dev/v1alpha1"
    return {f"{api}/InferenceDeployment/{bench.namespace}/llama", "v1/ConfigMap/scalewarden/kube-root-ca.crt"}


def annotations(bench: Bench) -> str:
    """Of the Deployment."""
    return str(bench.cluster.get("deployment", "llama", bench.namespace)["metadata"].get("annotations"))
