"""Cooperation with real KEDA: its HPA holds at the safe count by itself, and is told not to scale down while held.

One cluster of its own, since KEDA's kinds and its metrics API are cluster-wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scalewarden.model.marks import PAUSE
from tests.cluster import operator_process as op
from tests.cluster import real_keda
from tests.cluster.engine_pages import EnginePages
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.own_prometheus import OwnPrometheus
from tests.cluster_fixtures import start_or_skip
from tools.localcluster import LocalCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).parents[2] / "examples" / "cooperate"
AT_ONCE = {"stabilization": "0s", "thresholds": {"dwell": "0"}}
NOBODY_REFUSES = {"signals": {"window": "1m"}, "policy": {"mode": "Observe", **AT_ONCE}}
HELD = {"signals": {"window": "1m"}, "policy": {"cooperate": {"pauseScaleIn": True}, **AT_ONCE}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    real_keda.folder()
    with start_or_skip("keda") as running:
        op.install(running)
        with real_keda.running(running, tmp_path_factory.mktemp("keda")):
            yield running


class World:
    """The Deployment `chat`, its pages, a ScaledObject, and the operator that Prometheus scrapes."""

    def __init__(self, cluster: LocalCluster, namespace: str, pages: EnginePages) -> None:
        self.cluster, self.namespace, self.pages = cluster, namespace, pages

    def scaled_object(self, *triggers: int, nulls: str = "false") -> None:
        """The example with these of its triggers, for this namespace and Prometheus; it may act at once.

        nulls is what it says of ignoreNullValues.
        """
        text = (EXAMPLES / "scaledobject.yaml").read_text()
        for old, new in (
            ('model_name="llama-70b"', 'model_name="m"'),
            ("llama-70b", "chat"),
            ('ignoreNullValues: "false"', f'ignoreNullValues: "{nulls}"'),
            ('namespace="serving"', f'namespace="{self.namespace}"'),
            ("namespace: serving", f"namespace: {self.namespace}"),
            ("http://prometheus.monitoring.svc:9090", str(self.cluster.prometheus_url)),
        ):
            text = text.replace(old, new)
        found: dict[str, Any] = yaml.safe_load(text)
        found["spec"]["triggers"] = [found["spec"]["triggers"][one] for one in triggers]
        found["spec"]["pollingInterval"] = 2
        del found["spec"]["advanced"]
        self.cluster.apply(found)

    def hpa(self) -> dict[str, Any]:
        """The one that KEDA made."""
        return self.cluster.get("horizontalpodautoscaler", "keda-hpa-chat", self.namespace)

    def currents(self) -> list[str]:
        found = self.hpa().get("status", {}).get("currentMetrics") or []
        return [one["external"]["current"]["averageValue"] for one in found if one.get("external")]

    def select_policy(self) -> str | None:
        """How KEDA's HPA may scale down."""
        policy: str | None = self.hpa()["spec"].get("behavior", {}).get("scaleDown", {}).get("selectPolicy")
        return policy

    def replicas(self) -> int:
        return int(self.cluster.get("deployment", "chat", self.namespace)["spec"]["replicas"])

    def holds(self, count: int) -> None:
        """KEDA's HPA looks several times and never goes below the count.

        Above it may go for a moment: what Prometheus has can be from before the last removal.
        """
        op.stays(10, lambda: self.replicas() >= count)
        self.until(lambda: self.replicas() == count, f"{count} replicas", 30)

    def paused(self) -> str | None:
        annotations = self.cluster.get("scaledobject", "chat", self.namespace)["metadata"].get("annotations") or {}
        found: str | None = annotations.get(PAUSE.key)
        return found

    def until(self, true: Any, what: str, seconds: float = 60) -> Any:
        return self.cluster.wait_for(true, what, seconds)

    def refusals(self) -> set[str]:
        reasons = {one["reason"] for one in self.cluster.list("events.events.k8s.io", self.namespace)}
        return reasons & {"FailedRescale", "ScaleDownRefused", "ScaleDownHeld", "ScaleDownTrimmed"}


@pytest.fixture
def world(cluster: LocalCluster, namespace: str, tmp_path: Path) -> Iterator[World]:
    cluster.apply(op.deployment(namespace))
    op.opt_in(cluster, namespace)
    own = ("-n", namespace, "--lease-namespace", namespace, "--cooperate", "pauseScaleIn")
    with (
        EnginePages(cluster, namespace) as pages,
        OperatorProcess(cluster.kubeconfig, tmp_path / "log", *own) as running,
    ):
        pages.wait_for(4)
        pages.share(3.6)
        cluster.wait_for(running.ready, "the operator is ready", 90)
        with OwnPrometheus(cluster).scraping(running.port):
            yield World(cluster, namespace, pages)


def test_kedas_own_hpa_holds_at_the_safe_count_and_follows_it_down(world: World) -> None:
    world.cluster.apply(op.described(world.namespace, **NOBODY_REFUSES))
    world.until(lambda: status(world).get("safeReplicas") == 4, "the safe count to be 4")
    world.scaled_object(0, 1)
    world.until(lambda: world.currents() == ["0", "1"], "KEDA's HPA to read both triggers")
    world.holds(4)
    world.pages.share(1.2)
    world.until(lambda: status(world).get("safeReplicas") == 2, "the safe count to fall to 2", 120)
    world.until(lambda: world.replicas() == 2, "KEDA's HPA to follow")
    world.holds(2)
    world.cluster.kubectl("delete", "infd", "chat", "-n", world.namespace)
    world.until(lambda: world.currents() == ["0"], "the metric to be gone")
    world.holds(2)
    world.scaled_object(0, 1, nulls="true")
    world.until(lambda: world.replicas() == 1, "KEDA's default to read the missing metric as 0")
    assert not world.refusals()


def test_keda_is_told_not_to_scale_down_while_nothing_may_go(world: World) -> None:
    world.cluster.apply(op.described(world.namespace, **HELD))
    world.until(lambda: op.fences(world.cluster, world.namespace).get("deployments/chat"), "the fence")
    world.scaled_object(1)
    world.until(lambda: world.paused() == "true", "the pause")
    world.until(lambda: world.select_policy() == "Disabled", "KEDA to disable scale-down in its HPA")
    world.scaled_object(0)
    world.until(lambda: world.currents() == ["0"], "the HPA to read the empty queue alone")
    world.holds(4)
    glass = ("scalewarden.dev/break-glass=incident", "scalewarden.dev/break-glass-until=2099-01-01T00:00:00Z")
    world.cluster.kubectl("annotate", "infd", "chat", "-n", world.namespace, *glass)
    world.until(
        lambda: world.paused() is None and world.select_policy() != "Disabled", "the pause to end with the fence"
    )
    world.until(lambda: world.replicas() == 1, "KEDA to take the fleet down once it may")
    assert not world.refusals()


def status(world: World) -> dict[str, Any]:
    return dict(world.cluster.get("inferencedeployment", "chat", world.namespace).get("status", {}))
