"""Cooperation on a real control plane: real Deployment, garbage collection, disruption and eviction, chart and RBAC.

The operator and the guard run under the chart's own ServiceAccounts. Tests of this module share one cluster.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scalewarden.model.marks import COST, PAUSE
from tests.cluster import operator_process as op
from tests.cluster.engine_pages import EnginePages
from tests.cluster.keda import keda
from tests.cluster_fixtures import start_or_skip
from tools.installed import Installed
from tools.localcluster import LocalCluster
from tools.localcluster.components import CONTROL_PLANE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

WAYS = ("pauseScaleIn", "podDeletionCost", "disruptionBudget")
SILENT = 8.0
"""Seconds of operator silence after which the guard withdraws, in this test."""
AT_ONCE = {"stabilization": "0s", "thresholds": {"dwell": "0"}}
"""A removal is allowed as soon as it is safe."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with start_or_skip("cooperation", CONTROL_PLANE) as running:
        running.apply(keda())
        running.wait_for(lambda: "scaledobjects" in running.kubectl("api-resources").stdout, "ScaledObjects served", 30)
        yield running


@pytest.fixture(scope="module")
def installed(cluster: LocalCluster) -> Iterator[Installed]:
    fast = ("--interval", "1s", "--scrape-interval", "1s", "--lease-duration", "3s")
    values = {f"cooperate.{way}": "true" for way in WAYS}
    flags = [f"--cooperate={way}" for way in WAYS]
    guard = ("--operator-silent-after", f"{SILENT:g}", *flags)
    with Installed(cluster, operator_args=(*fast, *flags), guard_args=guard, values=values) as running:
        yield running


class Bench:
    """A namespace with a described Deployment of four replicas whose pages say what the test wants."""

    def __init__(self, cluster: LocalCluster, namespace: str, pages: EnginePages) -> None:
        self.cluster, self.namespace, self.pages = cluster, namespace, pages

    def begin(self, *ways: str, **policy: Any) -> None:
        """Describe the service, asking for these ways."""
        policy = {"cooperate": dict.fromkeys(ways, True), **policy}
        self.cluster.apply(op.described(self.namespace, policy=policy))

    def scaled_object(self, *, manager: str = "kubectl", **annotations: str) -> None:
        """Server-side applied by a field manager, as GitOps tools do it."""
        trigger = {"type": "prometheus", "metadata": {"query": "sum(x)", "threshold": "1"}}
        metadata = {"name": "by-keda", "namespace": self.namespace, "annotations": {"team": "llm", **annotations}}
        scaled = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata}
        scaled |= {"spec": {"scaleTargetRef": {"name": "chat"}, "triggers": [trigger]}}
        self.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", "-", given=scaled)

    def kubectl(self, *arguments: str, given: dict[str, Any] | None = None, check: bool = True) -> str:
        text = json.dumps(given) if given else None
        done = self.cluster.kubectl(*arguments, "-n", self.namespace, input=text, check=check)
        return done.stdout + done.stderr

    def until(self, true: Any, what: str, seconds: float = 60) -> Any:
        return self.cluster.wait_for(true, what, seconds)

    def annotations(self, kind: str, name: str) -> dict[str, str]:
        found: dict[str, str] = self.cluster.get(kind, name, self.namespace)["metadata"].get("annotations") or {}
        return found

    def managers(self, kind: str, name: str, key: str) -> set[str]:
        """Who owns an annotation."""
        shown = json.loads(self.kubectl("get", kind, name, "-o", "json", "--show-managed-fields"))
        owners = shown["metadata"]["managedFields"]
        return {one["manager"] for one in owners if f'"f:{key}"' in json.dumps(one)}

    def paused(self) -> str | None:
        return self.annotations("scaledobject", "by-keda").get(PAUSE.key)

    def costs(self) -> dict[str, str]:
        pods = self.cluster.list("pods", self.namespace)
        found = {pod["metadata"]["name"]: pod["metadata"].get("annotations", {}).get(COST.key) for pod in pods}
        return {name: cost for name, cost in found.items() if cost is not None}

    def budgets(self) -> dict[str, Any]:
        return {one["metadata"]["name"]: one for one in self.cluster.list("poddisruptionbudgets", self.namespace)}

    def pods(self) -> list[str]:
        found = self.cluster.list("pods", self.namespace)
        return sorted(pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"])

    def events(self, reason: str) -> list[dict[str, Any]]:
        return [one for one in self.cluster.list("events.events.k8s.io", self.namespace) if one["reason"] == reason]

    def evict(self, pod: str) -> str:
        """As `kubectl drain` does it; what the API server said."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": self.namespace}}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        return self.kubectl("create", "--raw", path, "-f", "-", given=body, check=False)


@pytest.fixture
def bench(cluster: LocalCluster, installed: Installed, namespace: str) -> Iterator[Bench]:
    op.opt_in(cluster, namespace)
    cluster.apply(op.deployment(namespace))
    with EnginePages(cluster, namespace) as pages:
        pages.wait_for(4)
        yield Bench(cluster, namespace, pages)


def test_keda_is_paused_while_nothing_may_go_and_no_longer(bench: Bench) -> None:
    bench.pages.show(0.9)
    bench.scaled_object()
    bench.begin("pauseScaleIn")
    bench.until(lambda: bench.paused() == "true", "KEDA to be paused")
    assert bench.managers("scaledobject", "by-keda", PAUSE.key) == {"scalewarden-cooperate"}
    assert not bench.budgets() and not bench.costs()
    glass = ("scalewarden.dev/break-glass=incident", "scalewarden.dev/break-glass-until=2099-01-01T00:00:00Z")
    bench.kubectl("annotate", "infd", "chat", *glass)
    bench.until(lambda: bench.paused() is None, "the pause to end with the fence")
    assert bench.annotations("scaledobject", "by-keda")["team"] == "llm"
    assert PAUSE.ours not in bench.annotations("scaledobject", "by-keda")


@pytest.mark.parametrize("value", ["false", "true"])
def test_an_annotation_that_gitops_manages_is_left_and_named(bench: Bench, value: str) -> None:
    bench.pages.show(0.9)
    bench.scaled_object(manager="argocd-controller", **{PAUSE.key: value})
    bench.begin("pauseScaleIn")
    (event,) = bench.until(lambda: bench.events("CooperationBackedOff"), "an event that says so")
    assert "is set by argocd-controller: take it out there" in event["note"]
    assert "cooperate.pauseScaleIn backs off" in op.condition(bench.cluster, bench.namespace, "Ready")["message"]
    assert bench.paused() == value
    assert bench.managers("scaledobject", "by-keda", PAUSE.key) == {"argocd-controller"}


def test_what_gitops_takes_over_is_its_own_from_then_on(bench: Bench) -> None:
    bench.pages.show(0.9)
    bench.scaled_object()
    bench.begin("pauseScaleIn")
    bench.until(lambda: bench.paused() == "true", "KEDA to be paused")
    bench.kubectl("annotate", "--overwrite", "scaledobject", "by-keda", f"{PAUSE.key}=false")
    bench.until(lambda: bench.events("CooperationBackedOff"), "an event that says so")
    bench.until(lambda: PAUSE.ours not in bench.annotations("scaledobject", "by-keda"), "our mark to go")
    assert bench.paused() == "false"


def test_the_idlest_replicas_are_the_ones_that_kubernetes_removes(bench: Bench) -> None:
    before = bench.pods()
    usage = dict(zip(before, (0.10, 0.30, 0.05, 0.30), strict=True))
    idlest = [before[2], before[0]]
    for pod, kv in usage.items():
        bench.pages.show(kv, pod)
    bench.begin("podDeletionCost", **AT_ONCE, minReplicas=2)
    wanted = {idlest[0]: "-2", idlest[1]: "-1"}
    bench.until(lambda: bench.costs() == wanted, f"{wanted} to be marked", 90)
    assert bench.managers("pod", idlest[0], COST.key) == {"scalewarden-cooperate"}
    bench.kubectl("scale", "deployment/chat", "--replicas=2")
    bench.until(lambda: bench.pods() == sorted({*before} - {*idlest}), "the idlest two to go")
    bench.until(lambda: not bench.costs(), "no pod to be marked at the minimum")


def test_pods_that_somebody_else_orders_are_left(bench: Bench) -> None:
    bench.pages.show(0.1)
    mine = bench.pods()[0]
    bench.kubectl("annotate", "pod", mine, f"{COST.key}=7", "--field-manager=llm-router")
    bench.begin("podDeletionCost", **AT_ONCE)
    bench.until(lambda: bench.events("CooperationBackedOff"), "an event that says so")
    assert bench.costs() == {mine: "7"}
    assert "is set by llm-router" in bench.events("CooperationBackedOff")[0]["note"]


def test_evictions_stop_at_the_fence_and_pass_when_it_is_released(bench: Bench) -> None:
    bench.pages.show(0.9)
    bench.begin("disruptionBudget")
    bench.until(
        lambda: bench.budgets().get("chat-scalewarden", {}).get("status", {}).get("currentHealthy") == 4,
        "the budget to be known to the disruption controller",
    )
    budget = bench.budgets()["chat-scalewarden"]
    assert (
        budget["spec"]["minAvailable"] == 4
        and budget["metadata"]["ownerReferences"][0]["kind"] == "InferenceDeployment"
    )
    assert "would violate the pod's disruption budget" in bench.evict(bench.pods()[0])
    bench.kubectl("patch", "infd", "chat", "--type=merge", "-p", '{"spec":{"policy":{"mode":"Warn"}}}')
    bench.until(lambda: not bench.budgets(), "the budget to go with the fence")
    assert "Success" in bench.evict(bench.pods()[0])


def test_a_budget_that_is_there_already_is_enough(bench: Bench) -> None:
    bench.pages.show(0.9)
    bench.kubectl("create", "pdb", "theirs", "--selector=app=chat", "--max-unavailable=1")
    bench.begin("disruptionBudget")
    bench.until(lambda: bench.events("CooperationBackedOff"), "an event that says so")
    assert set(bench.budgets()) == {"theirs"}


def test_a_silent_operator_leaves_neither_pause_nor_budget(bench: Bench, installed: Installed) -> None:
    bench.pages.show(0.9)
    bench.scaled_object()
    bench.begin("pauseScaleIn", "disruptionBudget")
    bench.until(lambda: bench.paused() == "true" and bench.budgets(), "pause and budget")
    installed.kill("operator")
    try:
        bench.until(lambda: bench.paused() is None and not bench.budgets(), "the guard to withdraw both", SILENT + 40)
    finally:
        installed.start("operator")
    bench.until(lambda: bench.paused() == "true" and bench.budgets(), "pause and budget again")


def test_a_budget_goes_with_its_service_even_with_nobody_there(bench: Bench, installed: Installed) -> None:
    bench.pages.show(0.9)
    bench.begin("disruptionBudget")
    bench.until(bench.budgets, "the budget")
    installed.kill("guard")
    installed.kill("operator")
    try:
        bench.kubectl("delete", "infd", "chat")
        bench.until(lambda: not bench.budgets(), "the garbage collector to delete it")
    finally:
        for name in ("operator", "guard"):
            installed.start(name)
