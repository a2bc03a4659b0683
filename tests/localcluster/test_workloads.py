"""The control plane behaves as a real one where Scalewarden depends on it."""

from __future__ import annotations

import base64
import http.server
import ipaddress
import json
import ssl
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
import trustme

from tests.cluster_fixtures import start_or_skip
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

GROUP = "external.metrics.k8s.io"


@pytest.fixture(scope="module")
def running() -> Iterator[LocalCluster]:
    with start_or_skip("workloads") as cluster:
        yield cluster


def deployment(name: str, replicas: int, gpus: int = 1, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    container = {"name": "main", "image": "none", "resources": {"limits": {"nvidia.com/gpu": gpus}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
                "spec": {"containers": [container]},
            },
        },
    }


def pods_of(cluster: LocalCluster, name: str) -> list[dict[str, Any]]:
    return cluster.list("pods", "default", f"app={name}")


def ready(cluster: LocalCluster, name: str, count: int) -> bool:
    return bool(cluster.get("deployment", name, "default")["status"].get("readyReplicas", 0) == count)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving(server: http.server.HTTPServer) -> Iterator[int]:
    """Serve in a thread; the port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_pods_are_scheduled_onto_gpus_ready_and_have_addresses_of_their_own(running: LocalCluster) -> None:
    running.apply(deployment("gpus", 5, gpus=8))  # four nodes of eight: the fifth must wait
    running.wait_for(lambda: ready(running, "gpus", 4), "four of five pods to be Ready", 30)
    pods = pods_of(running, "gpus")
    placed = [pod for pod in pods if pod["status"].get("podIP")]
    assert len({pod["spec"]["nodeName"] for pod in placed}) == 4
    block = ipaddress.ip_network(running.pod_cidr)
    addresses = {ipaddress.ip_address(pod["status"]["podIP"]) for pod in placed}
    assert len(addresses) == 4
    assert all(address in block and address.is_loopback for address in addresses)
    (waiting,) = (pod for pod in pods if not pod["status"].get("podIP"))
    (condition,) = waiting["status"]["conditions"]
    assert "Insufficient nvidia.com/gpu" in condition["message"]
    running.add_nodes(1, gpus=8, labels={"pool": "more"})
    running.wait_for(lambda: ready(running, "gpus", 5), "the fifth pod on the new node", 30)
    running.kubectl("delete", "deployment", "gpus", "-n", "default")
    running.wait_for(lambda: not pods_of(running, "gpus"), "the pods to be gone", 30)


def test_a_pod_can_take_its_time_to_become_ready(running: LocalCluster) -> None:
    running.apply(deployment("slow", 1, annotations={"localcluster/ready-after": "24h"}))
    (pod,) = running.wait_for(
        lambda: [pod for pod in pods_of(running, "slow") if pod["status"]["phase"] == "Running"],
        "the pod to run",
        30,
    )
    conditions = {found["type"]: found["status"] for found in pod["status"]["conditions"]}
    assert conditions["Ready"] == "False"
    assert pod["status"]["podIP"]


def test_prometheus_scrapes_what_listens_on_a_pod_s_address(running: LocalCluster) -> None:
    class Metrics(Handler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(f'asked{{path="{self.path}"}} 42\n'.encode())

    wanted = {"prometheus.io/scrape": "true", "prometheus.io/port": "8123", "prometheus.io/path": "/deep"}
    running.apply(deployment("scraped", 1, annotations=wanted))
    running.wait_for(lambda: ready(running, "scraped", 1), "the pod to be Ready", 30)
    (pod,) = pods_of(running, "scraped")
    with serving(http.server.ThreadingHTTPServer((pod["status"]["podIP"], 8123), Metrics)):
        (found,) = running.wait_for(lambda: query(running, "asked"), "Prometheus to have scraped the pod", 30)
    assert found["value"][1] == "42"
    labels = found["metric"]
    assert labels["path"] == "/deep"
    assert labels["pod"] == pod["metadata"]["name"]
    assert labels["namespace"] == "default"
    assert labels["node"] == pod["spec"]["nodeName"]
    assert labels["instance"] == f"{pod['status']['podIP']}:8123"


def query(cluster: LocalCluster, expression: str) -> list[dict[str, Any]]:
    """An instant query."""
    asked = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{cluster.prometheus_url}/api/v1/query?{asked}", timeout=10) as response:
        result: list[dict[str, Any]] = json.load(response)["data"]["result"]
    return result


def test_identities_are_real(running: LocalCluster) -> None:
    running.kubectl("create", "role", "looker", "--verb=list", "--resource=pods", "-n", "default")
    running.kubectl("create", "rolebinding", "devs", "--role=looker", "--group=devs", "-n", "default")
    alice = running.user_kubeconfig("alice", groups=("devs",))
    running.kubectl("get", "pods", "-n", "default", kubeconfig=alice)
    refused = running.kubectl("get", "secrets", "-n", "default", kubeconfig=alice, check=False)
    assert 'User "alice" cannot list resource "secrets"' in refused.stderr
    robot = running.kubeconfig_for(running.token("default", "default"), "robot")
    refused = running.kubectl("get", "pods", "-n", "default", kubeconfig=robot, check=False)
    assert 'User "system:serviceaccount:default:default" cannot list resource "pods"' in refused.stderr


def test_helm_installs_and_uninstalls(running: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    chart = tmp_path_factory.mktemp("chart")
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 0.1.0\n")
    (chart / "templates/map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-map'}\ndata: {a: b}\n"
    )
    running.helm("install", "it", str(chart), "-n", "helmed", "--create-namespace")
    assert running.get("configmap", "it-map", "helmed")["data"] == {"a": "b"}
    running.helm("uninstall", "it", "-n", "helmed")
    assert running.list("configmaps", "helmed", "!kubernetes.io") == [
        item for item in running.list("configmaps", "helmed") if item["metadata"]["name"] == "kube-root-ca.crt"
    ]


class ExternalMetrics(Handler):
    """An extension API server with one metric, whose callers must show the aggregator's certificate."""

    value = 0
    callers: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        certificate = self.connection.getpeercert()
        self.callers.update(value for part in certificate["subject"] for key, value in part if key == "commonName")
        body = json.dumps(self._answer()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self) -> dict[str, Any]:
        version = f"{GROUP}/v1beta1"
        if "/namespaces/" in self.path:
            item = {"metricName": "load", "timestamp": "2026-01-01T00:00:00Z", "value": str(self.value)}
            return {"kind": "ExternalMetricValueList", "apiVersion": version, "metadata": {}, "items": [item]}
        kind = {"name": "load", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [kind]}


@contextmanager
def external_metrics(cluster: LocalCluster) -> Iterator[None]:
    """The extension API server on localhost, registered by a Service of type ExternalName."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("metrics.default.svc").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    configured = cluster.get("configmap", "extension-apiserver-authentication", "kube-system")["data"]
    context.load_verify_locations(cadata=configured["requestheader-client-ca-file"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ExternalMetrics)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server) as port:
        cluster.apply(registration(port, authority.cert_pem.bytes()))
        yield
        cluster.kubectl("delete", "apiservice", f"v1beta1.{GROUP}")


def registration(port: int, ca: bytes) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "metrics", "namespace": "default"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"v1beta1.{GROUP}"},
            "spec": {
                "group": GROUP,
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "caBundle": base64.b64encode(ca).decode(),
                "service": {"name": "metrics", "namespace": "default", "port": port},
            },
        },
    ]


def autoscaler(target: str) -> dict[str, Any]:
    metric = {"metric": {"name": "load"}, "target": {"type": "AverageValue", "averageValue": "10"}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": target, "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": 1,
            "maxReplicas": 5,
            "metrics": [{"type": "External", "external": metric}],
        },
    }


def test_the_real_autoscaler_follows_an_aggregated_api_behind_externalname_localhost(
    running: LocalCluster,
) -> None:
    running.apply(deployment("scaled", 1))
    with external_metrics(running):
        ExternalMetrics.value = 30
        running.apply(autoscaler("scaled"))
        running.wait_for(lambda: ready(running, "scaled", 3), "the HPA to scale up to 3", 60)
        ExternalMetrics.value = 20
        running.wait_for(lambda: ready(running, "scaled", 2), "the HPA to scale down to 2", 60)
    assert ExternalMetrics.callers == {"aggregator"}
