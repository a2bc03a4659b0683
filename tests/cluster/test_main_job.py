"""The main job, all parts together: chart, operator, guard, policies, HPA controller and a fleet that reacts.

The service is KV-cache bound while its GPUs look idle. The operator and the guard run under the chart's own
ServiceAccounts. Tests of this module share one cluster and run in the order written.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster_fixtures import start_or_skip
from tools.installed import Installed
from tools.localcluster import LocalCluster
from tools.localcluster.components import CONTROL_PLANE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).parents[2] / "examples" / "demo"
NS, BUSY, CALM = "serving", "llama-70b", "chat-8b"
POLICIES_READ = 35.0
"""Seconds after which a restarted API server has found the fence's kind: it looks every 30 s, and reads within 1 s."""
SILENT = 30.0
"""Seconds of operator silence after which the janitor releases fences in this test."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with start_or_skip("mainjob", CONTROL_PLANE) as cluster:
        fast = ("--interval", "2s", "--scrape-interval", "2s")
        with Installed(cluster, operator_args=fast, guard_args=("--operator-silent-after", f"{SILENT:g}")) as installed:
            world = World(cluster, installed)
            world.serve()
            yield world


class World:
    """The installed cluster and the questions that the tests ask of it."""

    def __init__(self, cluster: LocalCluster, installed: Installed) -> None:
        self.cluster, self.installed = cluster, installed

    def serve(self) -> None:
        """Namespace, fleets, workloads and the HPA first; the InferenceDeployments last."""
        self.cluster.kubectl("create", "namespace", NS)
        self.cluster.kubectl("label", "namespace", NS, "scalewarden.dev/guard=enabled")
        argv = [sys.executable, "-m", "tools.fleet", "serve", "--kubeconfig", str(self.cluster.kubeconfig)]
        busy = ["--namespace", NS, "--fleet", BUSY, "--preset", "kv-bound", "--replicas", "4"]
        self.cluster.run("fleet", [*argv, *busy, "--also", f"{CALM}=comfortable:6"])
        for name in ("dcgm-exporter", "llama-70b", "chat-8b", "llama-70b-hpa", "inferencedeployments"):
            self.cluster.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
        regime = "KVCacheBound"
        self.until(lambda: self.status(BUSY).get("diagnosis", {}).get("regime") == regime, f"{BUSY} to be {regime}")
        self.held(BUSY, 4)

    def until(self, true: Any, what: str, seconds: float = 120) -> Any:
        return self.cluster.wait_for(true, what, seconds)

    def scale(self, name: str, replicas: int, *more: str) -> subprocess.CompletedProcess[str]:
        return self.cluster.kubectl(
            "scale", f"deployment/{name}", "-n", NS, f"--replicas={replicas}", *more, check=False
        )

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("inferencedeployment", name, NS).get("status", {})
        return found

    def replicas(self, name: str) -> int:
        return int(self.cluster.get("deployment", name, NS)["spec"]["replicas"])

    def events(self, reason: str, about: str) -> list[dict[str, Any]]:
        listed = json.loads(self.cluster.kubectl("get", "events.events.k8s.io", "-n", NS, "-o", "json").stdout)
        return [e for e in listed["items"] if e["reason"] == reason and e["regarding"]["name"] == about]

    def fence(self, name: str) -> dict[str, Any] | None:
        found = self.cluster.get("scalefence", "scalewarden", NS)
        entry: dict[str, Any] | None = found.get("fences", {}).get(f"deployments/{name}")
        return entry

    def held(self, name: str, replicas: int) -> None:
        """Wait until the fence of a service stands at this count."""
        self.until(lambda: (self.fence(name) or {}).get("replicas") == replicas, f"{name} to be held at {replicas}")

    def fenced(self, name: str) -> None:
        """Wait until a fence stands at 4 or more: six replicas share the load better, so it may fall from 6."""
        self.until(lambda: (self.fence(name) or {}).get("replicas", 0) >= 4, f"{name} to be fenced")

    def conditions(self, name: str) -> dict[str, dict[str, Any]]:
        return {one["type"]: one for one in self.status(name).get("conditions", [])}


def test_the_diagnosis_is_not_idle(world: World) -> None:
    status = world.status(BUSY)
    assert status["diagnosis"]["regime"] == "KVCacheBound"
    assert status["safeReplicas"] == 4
    assert world.conditions(BUSY)["ScaleDownSafe"]["status"] == "False"

    def fired() -> set[str]:
        return {finding["rule"] for finding in world.status(BUSY)["findings"] if finding["status"] == "Fired"}

    # UTL101, low utilization that is not spare, needs 45 s of utilization.
    world.until(lambda: {"KVC201", "SCL501", "UTL101"} <= fired(), "KVC201, SCL501 and UTL101 to fire")


def test_the_real_hpa_is_refused_and_told_why(world: World) -> None:
    refusals = world.until(
        lambda: [e for e in world.events("FailedRescale", BUSY) if "KVCachePressure" in e["note"]], "FailedRescale"
    )
    assert "the safe count is 4" in refusals[0]["note"]
    assert world.replicas(BUSY) == 4
    able = world.cluster.get("horizontalpodautoscaler", BUSY, NS)["status"]["conditions"]
    assert any("KVCachePressure" in one["message"] for one in able if one["type"] == "AbleToScale")


def test_the_hpa_that_was_there_first_is_judged(world: World) -> None:
    world.until(lambda: world.events("AutoscalerUnsound", BUSY), "AutoscalerUnsound on the HPA or the service")
    notes = world.cluster.get("horizontalpodautoscaler", BUSY, NS)["metadata"]["annotations"]
    assert "ASC602" in notes["scalewarden.dev/findings"]
    assert world.conditions(BUSY)["AutoscalerSound"]["status"] == "False"


def test_a_person_is_refused_with_one_line(world: World) -> None:
    done = world.scale(BUSY, 2)
    assert done.returncode != 0
    assert "(Forbidden)" in done.stderr
    assert "KVCachePressure" in done.stderr
    assert "the safe count is 4" in done.stderr
    assert f"kubectl describe infd {BUSY} -n {NS}" in done.stderr
    assert world.replicas(BUSY) == 4


def test_each_attempt_is_counted_in_one_event_that_names_who_asked(world: World) -> None:
    for _ in range(5):
        assert world.scale(BUSY, 1).returncode != 0

    def mine() -> list[dict[str, Any]]:
        return [e for e in world.events("ScaleDownRefused", BUSY) if "4→1" in e["note"] or "4 to 1" in e["note"]]

    found = world.until(lambda: [e for e in mine() if (e.get("series") or {}).get("count", 0) >= 5], "a series of 5")
    about = {(e["regarding"]["kind"], e["note"]) for e in mine()}
    assert len(mine()) == len(about)
    assert any("admin" in e["note"] or "system:" in e["note"] or "kubernetes" in e["note"] for e in found)
    decisions = world.until(lambda: world.status(BUSY).get("decisions"), "decisions in the status")
    assert len(decisions) <= 10
    assert any((one["from"], one["to"], one["verdict"]) == (4, 1, "Deny") for one in decisions)


def test_describe_shows_conditions_and_events(world: World) -> None:
    text = world.cluster.kubectl("describe", "infd", BUSY, "-n", NS).stdout
    for expected in ("ScaleDownRefused", "FenceRaised", "KVCacheBound", "Safe Replicas", "ScaleDownSafe"):
        assert expected in text
    assert f"scalewarden release {BUSY} -n {NS} --reason WHY --for 1h" in text  # the way out, where a refusal points to


def test_a_dry_run_is_answered_and_leaves_no_trace(world: World) -> None:
    before = world.status(CALM).get("decisions", [])
    assert world.scale(CALM, 1, "--dry-run=server").returncode != 0
    assert world.events("ScaleDownRefused", CALM) == []
    assert world.status(CALM).get("decisions", []) == before


def test_more_replicas_always_pass(world: World) -> None:
    assert world.scale(BUSY, 5).returncode == 0
    assert world.replicas(BUSY) == 5
    world.held(BUSY, 5)


def test_a_removal_to_the_safe_count_passes_and_one_more_does_not(world: World) -> None:
    safe = world.until(lambda: (found := world.status(CALM)["safeReplicas"]) < 6 and found, "a safe count below 6")
    refused = world.scale(CALM, safe - 1)
    assert refused.returncode != 0 or "Warning" in refused.stderr
    world.scale(CALM, 6)
    assert world.scale(CALM, safe).returncode == 0
    assert world.replicas(CALM) == safe


def test_a_cpu_hpa_is_warned_about_and_refused_in_enforce(world: World) -> None:
    manifest = str(EXAMPLES / "chat-8b-cpu-hpa.yaml")
    done = world.cluster.kubectl("apply", "-f", manifest)
    assert "Warning" in done.stderr
    assert "ASC601" in done.stderr

    def annotated() -> bool:
        hpa = world.cluster.get("horizontalpodautoscaler", CALM, NS)
        return "ASC601" in hpa["metadata"].get("annotations", {}).get("scalewarden.dev/findings", "")

    world.until(annotated, "the finding on the HPA")
    world.cluster.kubectl("delete", "-f", manifest)
    patch = json.dumps({"spec": {"policy": {"autoscaling": "Enforce"}}})
    world.cluster.kubectl("patch", "infd", CALM, "-n", NS, "--type=merge", "-p", patch)

    def refused() -> bool:
        applied = world.cluster.kubectl("apply", "-f", manifest, "--dry-run=server", check=False)
        return applied.returncode != 0 and "Forbidden" in applied.stderr

    world.until(refused, "the CPU HPA to be refused")


def test_glass_is_broken_on_the_record_and_for_a_while(world: World) -> None:
    scalewarden = str(Path(sys.executable).parent / "scalewarden")
    argv = [scalewarden, "release", CALM, "-n", NS, "--reason", "drill", "--for", "20s"]
    kubeconfig = {"KUBECONFIG": str(world.cluster.kubeconfig), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(argv, env=kubeconfig, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    before = world.replicas(CALM)
    # An evaluation that had begun may still write the fence; the next one, at once, takes it away.
    world.until(lambda: world.scale(CALM, 1, "--dry-run=server").returncode == 0, "the glass to be broken", 10)
    assert world.replicas(CALM) == before
    world.until(lambda: world.events("BreakGlassUsed", CALM), "the event BreakGlassUsed")
    world.until(lambda: world.events("BreakGlassExpired", CALM), "the event BreakGlassExpired")
    world.until(lambda: world.scale(CALM, 1, "--dry-run=server").returncode != 0, "refusals after the end")


def test_the_policy_refuses_when_the_guard_is_dead(world: World) -> None:
    world.installed.kill("guard")
    done = world.scale(BUSY, 2)
    assert done.returncode != 0
    assert "(Forbidden)" in done.stderr
    assert "KVCachePressure" in done.stderr
    assert world.scale(BUSY, 6).returncode == 0
    world.installed.start("guard")
    world.held(BUSY, 6)


def test_an_api_server_restart_changes_nothing(world: World) -> None:
    world.cluster.restart("apiserver")
    world.until(lambda: world.scale(BUSY, 2, "--dry-run=server").returncode != 0, "refusals after the restart")
    evaluated = world.status(BUSY)["lastEvaluationTime"]
    world.until(lambda: world.status(BUSY)["lastEvaluationTime"] != evaluated, "evaluations after the restart", 150)
    # The policies may know no fence until the API server looks for its kind again: the guard refuses meanwhile.
    until = time.monotonic() + POLICIES_READ
    while time.monotonic() < until:
        assert world.scale(BUSY, 2, "--dry-run=server").returncode != 0
        time.sleep(1)
    assert world.replicas(BUSY) == 6


def test_both_killed_and_restarted(world: World) -> None:
    world.fenced(BUSY)
    for name in ("operator", "guard"):
        world.installed.kill(name)
    assert world.scale(BUSY, 2).returncode != 0
    for name in ("operator", "guard"):
        world.installed.start(name)
    world.fenced(BUSY)
    assert "KVCachePressure" in world.scale(BUSY, 2).stderr


def test_the_janitor_releases_the_fence_of_a_silent_operator(world: World) -> None:
    world.cluster.kubectl("delete", "hpa", BUSY, "-n", NS)  # it would shrink the service as soon as it may
    world.installed.kill("operator")
    world.until(lambda: world.fence(BUSY) is None, "the janitor to release the fence", SILENT + 60)
    assert world.scale(BUSY, 5, "--dry-run=server").returncode == 0
    world.installed.start("operator")
    world.fenced(BUSY)  # a fresh scraper has forgotten the peak
    assert world.scale(BUSY, 2).returncode != 0
