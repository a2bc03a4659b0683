"""What happens in the demo, in order. Everything printed comes from the cluster; every claim is checked."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tools.demo.screen import Screen
from tools.installed import ROOT, Installed
from tools.localcluster import LocalCluster

MANIFESTS = ROOT / "examples" / "demo"
SERVICE, CALM, NAMESPACE = "llama-70b", "chat-8b", "serving"
REPLICAS = 4 + 6
PATIENCE = 120.0


def answers(url: str) -> bool:
    """Is there a page?"""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Story:
    """Tells the main job: an HPA and a person are refused, a safe removal passes, a CPU HPA is called out."""

    def __init__(self, screen: Screen, cluster: LocalCluster, installed: Installed) -> None:
        self.screen, self.cluster, self.installed = screen, cluster, installed

    def tell(self) -> None:
        """All steps."""
        self.serve()
        self.describe()
        self.autoscaler_is_refused()
        self.person_is_refused()
        self.safe_removal_passes()
        self.cpu_autoscaler_is_called_out()
        self.evidence()
        self.without_the_guard()

    def serve(self) -> None:
        """Two services under load."""
        self.screen.step("Two LLM services under load, and DCGM's exporter on each node")
        self.cluster.kubectl("create", "namespace", NAMESPACE)
        self.kubectl("label", "namespace", NAMESPACE, "scalewarden.dev/guard=enabled")
        self._fleet()
        for name in ("dcgm-exporter.yaml", "llama-70b.yaml", "chat-8b.yaml"):
            self.apply(name)
        self._wait("the replicas to answer on their metrics port", self._serving)

    def _fleet(self) -> None:
        argv = [sys.executable, "-m", "tools.fleet", "serve", "--kubeconfig", str(self.cluster.kubeconfig)]
        busy = ["--namespace", NAMESPACE, "--fleet", SERVICE, "--preset", "kv-bound", "--replicas", "4"]
        self.cluster.run("fleet", [*argv, *busy, "--also", f"{CALM}=comfortable:6"])

    def describe(self) -> None:
        """An HPA that is there first, and one small object a service."""
        self.screen.step("An HPA on GPU utilization wants fewer replicas; describe both services, a target each")
        self.apply("llama-70b-hpa.yaml")
        self.apply("inferencedeployments.yaml")
        self._wait("a diagnosis", lambda: self._regime(SERVICE) == "KVCacheBound" and self._regime(CALM))
        self.kubectl("get", "infd", "-n", NAMESPACE, "-o", "wide")
        status = self.status(SERVICE)
        self.screen.say(status["diagnosis"]["summary"])
        self.screen.fact(
            status["safeReplicas"] == 4, f"{SERVICE} is KV-cache bound, not idle: all 4 replicas are needed"
        )

    def autoscaler_is_refused(self) -> None:
        """The HPA controller's own attempt."""
        self.screen.step("The HPA tries to shrink it: refused, with the reason")
        refused = self._wait("the HPA's FailedRescale", self._failed_rescale)
        self.screen.command(f"kubectl get events -n {NAMESPACE} --field-selector reason=FailedRescale")
        self.screen.block(refused["note"])
        self.screen.fact("KVCachePressure" in refused["note"], "the HPA was told why: KVCachePressure")
        self.screen.fact(self.replicas(SERVICE) == 4, f"{SERVICE} still has its 4 replicas")

    def person_is_refused(self) -> None:
        """kubectl scale below the safe count."""
        self.screen.step("A person tries: refused, with the safe count and where the evidence is")
        done = self.kubectl("scale", f"deployment/{SERVICE}", "-n", NAMESPACE, "--replicas=2", check=False)
        self.screen.fact(done.returncode != 0 and "Forbidden" in done.stderr, "403 Forbidden")
        self.kubectl("scale", f"deployment/{SERVICE}", "-n", NAMESPACE, "--replicas=5")
        self.screen.fact(self.replicas(SERVICE) == 5, "more replicas are never refused")

    def safe_removal_passes(self) -> None:
        """A removal to the safe count."""
        self.screen.step("The other service has room: a removal to its safe count passes")
        safe = self._wait("a safe count below 6", lambda: self._safe_below(6))
        self.kubectl("scale", f"deployment/{CALM}", "-n", NAMESPACE, f"--replicas={safe}")
        self.screen.fact(self.replicas(CALM) == safe, f"{CALM} went from 6 to {safe}, its safe count")

    def cpu_autoscaler_is_called_out(self) -> None:
        """An HPA on CPU for a GPU workload."""
        self.screen.step("Somebody adds an HPA on CPU to the GPU workload: called out as it is applied")
        done = self.apply("chat-8b-cpu-hpa.yaml")
        self.screen.fact("ASC601" in done.stderr, "kubectl shows the warning (mode Warn; Enforce would refuse)")
        self._wait("the annotation on the HPA", self._annotated)
        self.kubectl(
            "get", "hpa", CALM, "-n", NAMESPACE, "-o", "jsonpath={.metadata.annotations.scalewarden\\.dev/findings}"
        )

    def evidence(self) -> None:
        """What kubectl describe says."""
        self.screen.step("The reasoning, where people look")
        done = self.cluster.kubectl("describe", "infd", SERVICE, "-n", NAMESPACE)
        self.screen.command(f"kubectl describe infd {SERVICE} -n {NAMESPACE}")
        events = done.stdout[done.stdout.index("Events:") :]
        self.screen.block(events)
        self.screen.fact("ScaleDownRefused" in events, "each attempt is an event that names who asked for what")

    def without_the_guard(self) -> None:
        """The fence alone."""
        self.screen.step("Kill the guard: the policy inside the API server still refuses")
        self.installed.kill("guard")
        done = self.kubectl("scale", f"deployment/{SERVICE}", "-n", NAMESPACE, "--replicas=1", check=False)
        self.screen.fact(done.returncode != 0 and "Forbidden" in done.stderr, "still 403 Forbidden, same reason")

    # What the steps are made of ------------------------------------------------------------------------------------

    def kubectl(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run and show a kubectl command."""
        done = self.cluster.kubectl(*args, check=check)
        self.screen.command("kubectl " + " ".join(args), done)
        return done

    def apply(self, name: str) -> subprocess.CompletedProcess[str]:
        """Apply a manifest of examples/demo."""
        path = Path("examples/demo") / name
        done = self.cluster.kubectl("apply", "-f", str(MANIFESTS / name))
        self.screen.command(f"kubectl apply -f {path}", done)
        return done

    def status(self, name: str) -> dict[str, Any]:
        """The status of an InferenceDeployment."""
        found: dict[str, Any] = self.cluster.get("inferencedeployment", name, NAMESPACE).get("status", {})
        return found

    def replicas(self, name: str) -> int:
        """The Deployment's spec.replicas."""
        return int(self.cluster.get("deployment", name, NAMESPACE)["spec"]["replicas"])

    def _regime(self, name: str) -> str:
        return str(self.status(name).get("diagnosis", {}).get("regime", ""))

    def _serving(self) -> bool:
        """Does every replica answer with the page of its engine?"""
        pods = self.cluster.list("pods", NAMESPACE, "scalewarden.dev/fleet")
        addresses = [pod["status"].get("podIP") for pod in pods]
        return len(pods) == REPLICAS and all(ip and answers(f"http://{ip}:8000/metrics") for ip in addresses)

    def _safe_below(self, count: int) -> int | None:
        safe = self.status(CALM).get("safeReplicas", count)
        return int(safe) if safe < count else None

    def _failed_rescale(self) -> dict[str, Any] | None:
        events = json.loads(self.cluster.kubectl("get", "events.events.k8s.io", "-n", NAMESPACE, "-o", "json").stdout)
        found = (e for e in events["items"] if e["reason"] == "FailedRescale" and e["regarding"]["name"] == SERVICE)
        return next((event for event in found if "KVCachePressure" in event["note"]), None)

    def _annotated(self) -> bool:
        hpa = self.cluster.get("horizontalpodautoscaler", CALM, NAMESPACE)
        return "ASC601" in hpa["metadata"].get("annotations", {}).get("scalewarden.dev/findings", "")

    def _wait(self, what: str, true: Any) -> Any:
        self.screen.say(f"… waiting for {what}")
        return self.cluster.wait_for(true, what, PATIENCE)
