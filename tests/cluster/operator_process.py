"""`scalewarden run` as a real process, and the objects that operator tests put before it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tools.localcluster import LocalCluster

ROOT = Path(__file__).parents[2]
REPLICAS = 4


class OperatorProcess:
    """Starts the operator under a kubeconfig; ends it with SIGTERM, or at the latest with the `with` block."""

    def __init__(self, kubeconfig: Path, log: Path, *flags: str) -> None:
        self.port = free_port()
        self.log_file = log
        command = [sys.executable, "-m", "scalewarden.cli.main", "run", "--kubeconfig", str(kubeconfig)]
        command += ["--listen", f"127.0.0.1:{self.port}", "--interval", "1s", "--scrape-interval", "1s", *flags]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator"), "HOME": str(log.parent)}
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything it wrote."""
        return self.log_file.read_text()

    def page(self, path: str) -> str:
        """What it answers; empty where it does not, or not yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def ready(self) -> bool:
        """Everything is listed and a first pass is done. Fails where the process has ended."""
        assert self._process.poll() is None, self.log
        return self.page("/readyz") == "ok\n"

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15) -> int:
        """The exit code."""
        self._process.send_signal(number)
        return self._process.wait(seconds)


Start = Callable[..., OperatorProcess]
"""Begins an operator with these flags; `wait` until it is ready."""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def install(cluster: LocalCluster) -> None:
    """The kinds, as they are committed."""
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        cluster.apply(path.read_text())
    cluster.wait_for(lambda: cluster.list("inferencedeployments") is not None, "the kinds are served", 30)


def opt_in(cluster: LocalCluster, namespace: str) -> None:
    cluster.kubectl("label", "namespace", namespace, "scalewarden.dev/guard=enabled", "--overwrite")


def deployment(namespace: str, replicas: int = REPLICAS, name: str = "chat") -> dict[str, Any]:
    labels = {"app": name, "scalewarden.dev/fleet": name}
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.32.0",
        "args": ["--max-num-seqs", "512"],
        "ports": [{"name": "http", "containerPort": 8000}],
        "resources": {"requests": {"cpu": "2"}, "limits": {"nvidia.com/gpu": "1"}},
    }
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "8000"}
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def hpa_on_cpu(namespace: str, name: str = "on-cpu", target: str = "chat") -> dict[str, Any]:
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
        "minReplicas": 1,
        "maxReplicas": 8,
        "metrics": [{"type": "Resource", "resource": cpu}],
    }
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": spec}


def described(namespace: str, name: str = "chat", **spec: Any) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}
    return {
        "apiVersion": "scalewarden.dev/v1alpha1",
        "kind": "InferenceDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"targetRef": target, **spec},
    }


def condition(cluster: LocalCluster, namespace: str, kind: str, name: str = "chat") -> dict[str, Any]:
    """One condition of an InferenceDeployment, empty where there is none yet."""
    status = cluster.get("inferencedeployment", name, namespace).get("status", {})
    return next((one for one in status.get("conditions", []) if one["type"] == kind), {})


def fences(cluster: LocalCluster, namespace: str) -> dict[str, Any]:
    """The floors in force."""
    found = cluster.kubectl("get", "scalefence", "scalewarden", "-n", namespace, "-o", "yaml", check=False)
    return dict((yaml.safe_load(found.stdout) or {}).get("fences") or {})


def stays(seconds: float, true: Any) -> None:
    """Assert that it holds for as long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert true()
        time.sleep(0.5)
