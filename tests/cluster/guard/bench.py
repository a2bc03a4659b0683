"""What the tests of guard, policies and chart work with: a described service in a namespace, and guard processes."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scalewarden.judgement.frontier import Frontier
from scalewarden.model.duration import rfc3339
from scalewarden.model.policy import Mode, Policy
from scalewarden.model.verdict import Reason, Test
from scalewarden.surfaces import fence
from tools.localcluster import LocalCluster

CHART = Path(__file__).parents[3] / "charts" / "scalewarden"
RELEASE = ("scalewarden", str(CHART), "-n", "scalewarden", "--create-namespace")
HPA_CONTROLLER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
API = "scalewarden.dev/v1alpha1"
KINDS = {"deployments": "Deployment", "statefulsets": "StatefulSet"}


def install(cluster: LocalCluster, port: int, *more: str) -> None:
    """Install or upgrade the chart so that the API server calls guards on this machine."""
    values = f"guard.replicas=0,operator.replicas=0,guard.service.externalName=localhost,guard.service.port={port}"
    cluster.helm("upgrade", "--install", *RELEASE, "--set", values, *more)


@dataclass(frozen=True)
class Answer:
    """What kubectl said: whether it was done, and everything it printed."""

    done: bool
    said: str


@dataclass(frozen=True)
class Bench:
    """A namespace with the Deployment `llama` (4 replicas) and its InferenceDeployment of the same name."""

    cluster: LocalCluster
    namespace: str

    @classmethod
    def make(cls, cluster: LocalCluster, *, described: bool = True) -> "Bench":
        """Everything in place, nothing fenced. Not described: the Deployment alone, in a namespace like any other."""
        bench = cls(cluster, f"serving-{uuid.uuid4().hex[:6]}")
        labels = {"scalewarden.dev/guard": "enabled"} if described else {}
        cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": bench.namespace, "labels": labels}}
        )
        cluster.wait_for(
            lambda: cluster.get("serviceaccount", "default", bench.namespace), "the namespace's service account", 30
        )
        cluster.apply([workload("Deployment", "llama", 4, bench.namespace), *([bench.service()] if described else [])])
        return bench

    @property
    def owner(self) -> str:
        """`<namespace>/<name>` of the InferenceDeployment."""
        return f"{self.namespace}/llama"

    def service(self, kind: str = "Deployment", **policy: Any) -> dict[str, Any]:
        """The InferenceDeployment."""
        target = {"apiVersion": "apps/v1", "kind": kind, "name": "llama"}
        metadata = {"name": "llama", "namespace": self.namespace}
        spec = {"targetRef": target, "policy": policy}
        return {"apiVersion": API, "kind": "InferenceDeployment", "metadata": metadata, "spec": spec}

    def kubectl(self, *arguments: str, obj: dict[str, Any] | None = None, user: str = "") -> Answer:
        """Run kubectl in the namespace, as another user where one is given."""
        as_user = ("--as", user) if user else ()
        given = json.dumps(obj) if obj else None
        done = self.cluster.kubectl(*arguments, "-n", self.namespace, *as_user, input=given, check=False)
        return Answer(done.returncode == 0, done.stdout + done.stderr)

    def scale(self, replicas: int, *more: str, kind: str = "deployment") -> Answer:
        """`kubectl scale`."""
        return self.kubectl("scale", kind, "llama", f"--replicas={replicas}", *more)

    def autoscale(self, replicas: int) -> Answer:
        """A PUT of the scale subresource under the identity of the HPA controller, as it does it."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/llama/scale"
        scale = json.loads(self.kubectl("get", "--raw", path).said)
        scale["spec"]["replicas"] = replicas
        del scale["metadata"]["resourceVersion"]  # the Deployment's status may change in between
        return self.kubectl("replace", "--raw", path, "-f", "-", obj=scale, user=HPA_CONTROLLER)

    def replicas(self, kind: str = "deployment") -> int:
        """The replica count that is asked for."""
        return int(self.cluster.get(kind, "llama", self.namespace)["spec"]["replicas"])

    def judge(self, safe: int = 4, **more: Any) -> None:
        """Write a status as the operator does, just now."""
        status = {
            "safeReplicas": safe,
            "target": "deployments/llama",
            "lastEvaluationTime": rfc3339(time.time()),
            **more,
        }
        patch = json.dumps({"status": status})
        answer = self.kubectl("patch", "infd", "llama", "--subresource=status", "--type=merge", "-p", patch)
        assert answer.done, answer.said

    def fence(
        self, nobody: int = 3, autoscalers: int = 4, lasts: float = 3600.0, resource: str = "deployments"
    ) -> None:
        """Write the fence as the operator does, and wait until the API server enforces it."""
        now = time.time()
        found = Frontier(
            replicas=nobody,
            autoscaler_replicas=autoscalers,
            reason=Reason.KV_CACHE_PRESSURE,
            binding_test=Test.KV_CACHE_USAGE,
            message="",
            expires_at=now + lasts,
            autoscaler_reason=Reason.STABILIZING,
            autoscaler_message="",
        )
        entry = fence.entry(found, Policy(), Mode.ENFORCE, self.owner, now)
        self.write_fence({f"{resource}/llama": entry}, Mode.WARN, resource)
        kind = resource.removesuffix("s")
        self.cluster.wait_for(
            lambda: not self.scale(0, "--dry-run=server", kind=kind).done, "the fence to be enforced", 45
        )

    def write_fence(
        self, fences: dict[str, Any], autoscaling: Mode | None = None, resource: str = "deployments"
    ) -> None:
        """Write the ScaleFence object; autoscaling: the mode for HPAs of the target."""
        metadata = {"name": "scalewarden", "namespace": self.namespace}
        obj = {"apiVersion": API, "kind": "ScaleFence", "metadata": metadata, "fences": fences, "autoscaling": {}}
        if autoscaling:
            policy, key = Policy(autoscaling=autoscaling), f"{resource}/llama"
            entry = fence.autoscaling_entry(policy, Mode.ENFORCE, self.owner, key)
            obj["autoscaling"] = {f"{KINDS[resource]}/llama": entry}
        self.cluster.apply(obj)

    def fences(self) -> dict[str, Any]:
        """The entries of the ScaleFence."""
        found: dict[str, Any] = self.cluster.get("scalefence", "scalewarden", self.namespace).get("fences", {})
        return found

    def events(self, reason: str) -> list[dict[str, Any]]:
        """Events of one reason."""
        found = self.cluster.list("events.events.k8s.io", self.namespace)
        return [event for event in found if event["reason"] == reason]

    def decisions(self) -> list[dict[str, Any]]:
        """What status remembers."""
        status = self.cluster.get("infd", "llama", self.namespace).get("status", {})
        found: list[dict[str, Any]] = status.get("decisions", [])
        return found

    def hpa(self, *metrics: dict[str, Any], maximum: int = 8, minimum: int = 1, **spec: Any) -> dict[str, Any]:
        """An HPA on the Deployment; with a maximum below the count it scales down at once."""
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
        bounds = {"minReplicas": minimum, "maxReplicas": maximum}
        spec = {"scaleTargetRef": target, **bounds, "metrics": list(metrics), **spec}
        metadata = {"name": "llama", "namespace": self.namespace}
        return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def workload(kind: str, name: str, replicas: int, namespace: str) -> dict[str, Any]:
    """A Deployment or StatefulSet that serves a model on one GPU a replica."""
    labels = {"app": name}
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.32.0",
        "resources": {"requests": {"cpu": "100m"}, "limits": {"nvidia.com/gpu": "1"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    if kind == "StatefulSet":
        spec["serviceName"] = name
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
WAITING = {
    "type": "Pods",
    "pods": {"metric": {"name": "vllm:num_requests_waiting"}, "target": {"type": "AverageValue", "averageValue": "2"}},
}

ANOTHER_CLOCK = """
import datetime, sys, time
ahead = float(sys.argv.pop(1))
real, Real = time.time, datetime.datetime
class Another(Real):
    @classmethod
    def now(cls, tz=None):
        return Real.now(tz) + datetime.timedelta(seconds=ahead)
time.time, datetime.datetime = lambda: real() + ahead, Another
from scalewarden.cli.main import main
main()
"""
"""The command line on a machine whose clock is wrong; what counts seconds only is right."""


@dataclass
class Guard:
    """A guard process beside the cluster, under the chart's own ServiceAccount."""

    process: subprocess.Popen[str]
    health: str
    log: Path

    @classmethod
    def start(cls, cluster: LocalCluster, port: int, *arguments: str, ahead: float = 0.0) -> "Guard":
        """Start it and wait until it is ready. Its log is a file next to the cluster's. ahead: seconds that its clock
        is before ours."""
        config = cluster.kubeconfig_for(cluster.token("scalewarden", "scalewarden-guard"), "guard")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            health = f"127.0.0.1:{free.getsockname()[1]}"
        log = cluster.logs_dir / f"guard-{datetime.now(UTC):%H%M%S%f}.log"
        listen = ("--listen", f"127.0.0.1:{port}", "--health", health, "--drain", "0")
        main = ["-c", ANOTHER_CLOCK, str(ahead)] if ahead else ["-m", "scalewarden.cli.main"]
        command = [sys.executable, *main, "guard", "--kubeconfig", str(config), *listen]
        with log.open("w") as out:
            process = subprocess.Popen(
                [*command, "--namespace", "scalewarden", *(arguments or ("--operator-silent-after", "3600"))],
                stdout=out,
                stderr=out,
                text=True,
            )
        guard = cls(process, f"http://{health}", log)
        cluster.wait_for(lambda: guard.get("/readyz") == 200, f"the guard to be ready (log: {log})", 60)
        return guard

    def get(self, path: str) -> int:
        """The HTTP status of a health path; 0 where nothing answers."""
        try:
            with urllib.request.urlopen(self.health + path, timeout=2) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def page(self) -> str:
        """Its metrics."""
        with urllib.request.urlopen(self.health + "/metrics", timeout=2) as response:
            return str(response.read().decode())

    def stop(self) -> int:
        """As Kubernetes stops a pod; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        """As a node that fails."""
        self.process.kill()
        self.process.wait(20)
