"""What users get wrong, and what breaks under the operator: each has its named condition, and the others go on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import operator_process as op
from tests.cluster.operator_process import OperatorProcess
from tests.cluster_fixtures import start_or_skip
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def watched(cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalCluster, str]]:
    """An operator whose Prometheus is down, and the namespace of this module's services."""
    op.install(cluster)
    namespace = "bad-input"
    cluster.kubectl("create", "namespace", namespace)
    cluster.wait_for(lambda: cluster.get("serviceaccount", "default", namespace), "the service account", 30)
    op.opt_in(cluster, namespace)
    cluster.apply([op.deployment(namespace, 2), op.deployment(namespace, 1, "other"), *_odd_targets(namespace)])
    log = tmp_path_factory.mktemp("operator") / "log"
    flags = ("-n", namespace, "--lease-namespace", namespace, "--prometheus", f"http://127.0.0.1:{op.free_port()}")
    with OperatorProcess(cluster.kubeconfig, log, *flags) as operator:
        cluster.wait_for(operator.ready, "the operator is ready", 30)
        yield cluster, namespace
        assert "Traceback" not in operator.log, operator.log
        assert operator.stop() == 0
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def _odd_targets(namespace: str) -> list[dict[str, Any]]:
    """One kind without a scale subresource, and one with that is neither Deployment nor StatefulSet."""
    revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": {}}
    controller = {"apiVersion": "v1", "kind": "ReplicationController"}
    template = op.deployment(namespace)["spec"]["template"]
    template["metadata"]["labels"] = {"app": "old"}
    spec = {"replicas": 2, "selector": {"app": "old"}, "template": template}
    return [
        revision | {"metadata": {"name": "chat", "namespace": namespace}},
        controller | {"metadata": {"name": "old", "namespace": namespace}, "spec": spec},
    ]


def target(kind: str, name: str = "chat", version: str = "apps/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "name": name}


BAD = {
    "missing": ({"targetRef": target("Deployment", "nobody")}, "TargetNotFound", "does not exist"),
    "unserved": ({"targetRef": target("Rollout", "chat", "argoproj.io/v1alpha1")}, "TargetNotFound", "is not served"),
    "unscalable": ({"targetRef": target("ControllerRevision")}, "TargetNotScalable", "no scale subresource"),
    "prometheus-down": ({"targetRef": target("Deployment", "other")}, "SourceUnavailable", "ready replicas have fresh"),
    "no-metrics": (
        {"targetRef": target("Deployment"), "signals": {"source": "Scrape"}},
        "SignalsMissing",
        "refuses connections on its metrics port",
    ),
    "of-another-kind": (
        {"targetRef": target("ReplicationController", "old", "v1"), "signals": {"source": "Scrape"}},
        "SignalsMissing",
        "0 of 2 ready replicas",
    ),
}


def test_every_bad_input_has_its_condition_and_none_stops_the_others(watched: tuple[LocalCluster, str]) -> None:
    cluster, namespace = watched
    cluster.apply([op.described(namespace, name, **spec) for name, (spec, _, _) in BAD.items()])
    for name, (_, reason, words) in BAD.items():
        found = cluster.wait_for(
            lambda name=name: op.condition(cluster, namespace, "Ready", name), f"{name} is judged", 30
        )
        cluster.wait_for(
            lambda name=name, reason=reason: op.condition(cluster, namespace, "Ready", name)["reason"] == reason,
            f"{name} is {reason}, was {found}",
            30,
        )
        found = op.condition(cluster, namespace, "Ready", name)
        assert found["status"] == "False" and words in found["message"], found
        safe = op.condition(cluster, namespace, "ScaleDownSafe", name)
        assert safe["status"] != "True", safe


def test_the_older_of_two_has_the_target(watched: tuple[LocalCluster, str]) -> None:
    cluster, namespace = watched
    cluster.apply(op.described(namespace, "a-younger", targetRef=target("Deployment", "other")))
    taken = cluster.wait_for(lambda: op.condition(cluster, namespace, "Ready", "a-younger"), "it is judged", 30)
    assert taken["reason"] == "TargetTaken" and "older InferenceDeployment prometheus-down" in taken["message"]
    cluster.kubectl("delete", "infd", "prometheus-down", "-n", namespace)
    cluster.wait_for(
        lambda: op.condition(cluster, namespace, "Ready", "a-younger")["reason"] != "TargetTaken", "it has it", 30
    )


def test_unreadable_break_glass_is_said_and_lifts_nothing(watched: tuple[LocalCluster, str]) -> None:
    cluster, namespace = watched
    glass = ("scalewarden.dev/break-glass=incident", "scalewarden.dev/break-glass-until=tomorrow")
    cluster.apply(op.described(namespace, "glass", targetRef=target("StatefulSet", "glass")))
    cluster.kubectl("create", "-f", "-", "-n", namespace, input=_stateful_set())
    cluster.kubectl("annotate", "infd", "glass", "-n", namespace, *glass)
    cluster.wait_for(
        lambda: "break-glass annotations do not count" in str(op.condition(cluster, namespace, "Ready", "glass")),
        "it is said",
        30,
    )


def _stateful_set() -> str:
    return """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: glass}
spec:
  serviceName: glass
  replicas: 1
  selector: {matchLabels: {app: glass}}
  template:
    metadata: {labels: {app: glass}}
    spec: {containers: [{name: vllm, image: "vllm/vllm-openai:v0.32.0"}]}
"""


def test_without_prometheus_a_service_that_asks_for_it_is_told(
    cluster: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    op.install(cluster)
    cluster.apply([op.deployment(namespace, 1), op.described(namespace, signals={"source": "Prometheus"})])
    own = ("-n", namespace, "--lease-namespace", namespace)
    with OperatorProcess(cluster.kubeconfig, tmp_path / "log", *own) as operator:
        cluster.wait_for(operator.ready, "the operator is ready", 30)
        ready = cluster.wait_for(lambda: op.condition(cluster, namespace, "Ready"), "it is judged", 30)
    assert ready["reason"] == "SourceUnavailable" and "started without one" in ready["message"]


def test_it_waits_for_its_kinds_and_survives_the_api_server(tmp_path: Path) -> None:
    with (
        start_or_skip("bare", ("etcd", "apiserver")) as bare,
        OperatorProcess(bare.kubeconfig, tmp_path / "log", "--lease-namespace", "default") as operator,
    ):
        bare.wait_for(lambda: "scalewarden crd | kubectl apply" in operator.log, "it says what is missing", 20)
        assert operator.page("/livez") == "ok\n" and operator.page("/readyz") == ""
        op.install(bare)
        bare.wait_for(operator.ready, "it is ready", 30)
        bare.apply(op.described("default", "first"))
        bare.wait_for(lambda: op.condition(bare, "default", "Ready", "first"), "it is judged", 30)
        bare.kill("apiserver")
        bare.restart("apiserver")
        bare.apply(op.described("default", "second"))
        bare.wait_for(lambda: op.condition(bare, "default", "Ready", "second"), "it is judged", 60)
        assert operator.stop(signal.SIGINT) == 0
        assert "Traceback" not in operator.log, operator.log


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--interval", "soon"), "--interval"),
        (("--interval", "0s"), "no time at all"),
        (("--listen", "nowhere"), "--listen"),
        (("--prometheus", "prometheus:9090"), "http"),
        (("--kubeconfig", "/nowhere/kubeconfig"), "/nowhere/kubeconfig"),
    ],
)
def test_bad_flags_are_two_lines_and_exit_2(
    cluster: LocalCluster, tmp_path: Path, flags: tuple[str, ...], words: str
) -> None:
    with OperatorProcess(cluster.kubeconfig, tmp_path / "log", *flags) as operator:
        assert operator.stop(0) == 2
        assert "error:" in operator.log and words in operator.log and "Traceback" not in operator.log
