"""Real KEDA beside the local control plane: its operator, its metrics adapter and its kinds.

Building it takes half an hour on two cores, more than all other tools together, so no test run builds it:
tools/localcluster/build/keda/build.sh does. Without `SCALEWARDEN_KEDA`, the folder it wrote, the test is skipped.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tools.localcluster import LocalCluster
from tools.localcluster.network import free_ports

FOLDER = "SCALEWARDEN_KEDA"
GROUP, SERVICE = "external.metrics.k8s.io", "keda-metrics-apiserver"


def folder() -> Path:
    """Where keda-operator, keda-adapter and crds/ are. Skips the test where nobody built them."""
    named = os.environ.get(FOLDER)
    if not named:
        pytest.skip(f"NO KEDA, test not run: build it with tools/localcluster/build/keda/build.sh and set {FOLDER}")
    return Path(named)


@contextmanager
def running(cluster: LocalCluster, work: Path) -> Iterator[None]:
    """KEDA in the namespace `keda` while the block runs; work gets its certificates."""
    built = folder()
    for kind in sorted((built / "crds").glob("*.yaml")):
        cluster.kubectl("apply", "--server-side", "-f", str(kind))
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}})
    grpc, health, https, metrics = free_ports("127.0.0.1", 4)
    ca = certificates(work)
    env = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "WATCH_NAMESPACE": "", "POD_NAMESPACE": "keda"}
    env |= {"KEDA_CLUSTER_OBJECT_NAMESPACE": "keda"}
    operator = [f"--cert-dir={work}", f"--metrics-service-bind-address=127.0.0.1:{grpc}", "--metrics-bind-address=0"]
    operator += [f"--health-probe-bind-address=127.0.0.1:{health}"]
    config = str(cluster.kubeconfig)
    adapter = [f"--cert-dir={work}", f"--tls-cert-file={work}/tls.crt", f"--tls-private-key-file={work}/tls.key"]
    adapter += [f"--metrics-service-address=localhost:{grpc}", "--bind-address=127.0.0.1", f"--secure-port={https}"]
    adapter += [f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}", f"--port={metrics}"]
    adapter += [f"--lister-kubeconfig={config}"]
    cluster.run("keda-operator", [str(built / "keda-operator"), *operator], env)
    cluster.run("keda-adapter", [str(built / "keda-adapter"), *adapter], env)
    try:
        cluster.apply(registration(https, ca))
        cluster.wait_for(lambda: available(cluster), "KEDA's metrics API to be available", 60)
        yield
        cluster.kubectl("delete", "apiservice", f"v1beta1.{GROUP}")
    finally:
        for name in ("keda-adapter", "keda-operator"):
            cluster.end(name)


def certificates(work: Path) -> bytes:
    """ca.crt, tls.crt and tls.key for both processes and the Service; the authority's PEM."""
    authority = trustme.CA()
    leaf = authority.issue_cert(f"{SERVICE}.keda.svc", "localhost")
    authority.cert_pem.write_to_path(str(work / "ca.crt"))
    leaf.private_key_pem.write_to_path(str(work / "tls.key"))
    (work / "tls.crt").write_bytes(b"".join(one.bytes() for one in leaf.cert_chain_pems))
    return authority.cert_pem.bytes()


def available(cluster: LocalCluster) -> bool:
    """True once the API server reaches the adapter."""
    conditions = cluster.get("apiservice", f"v1beta1.{GROUP}").get("status", {}).get("conditions", [])
    return any((one["type"], one["status"]) == ("Available", "True") for one in conditions)


def registration(port: int, ca: bytes) -> list[dict[str, Any]]:
    """The Service and the APIService that lead kube-apiserver to the adapter."""
    at = {"name": SERVICE, "namespace": "keda"}
    api = {"group": GROUP, "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100}
    api |= {"caBundle": base64.b64encode(ca).decode(), "service": {**at, "port": port}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": at,
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"v1beta1.{GROUP}"},
            "spec": api,
        },
    ]
