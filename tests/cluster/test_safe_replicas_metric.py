"""The safe count as an autoscaler's metric: the real HPA controller holds by itself, and nothing is ever refused.

The operator's page is scraped by a real Prometheus. Between that and the HPA stands a double of prometheus-adapter
(tests/cluster/adapter_double.py says why), with the rules and the HPA of examples/cooperate.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import adapter_double
from tests.cluster import operator_process as op
from tests.cluster.engine_pages import EnginePages
from tests.cluster.operator_process import Start
from tests.cluster.own_prometheus import OwnPrometheus
from tools.localcluster import LocalCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).parents[2] / "examples" / "cooperate"
SHORT = {
    "signals": {"window": "1m"},
    "policy": {"mode": "Observe", "stabilization": "0s", "thresholds": {"dwell": "0"}},
}
"""In mode Observe nothing can be refused; what was busy is forgotten in a minute."""
SYNCS = 10.0
"""Seconds in which the HPA controller looks five times."""


@pytest.fixture
def adapter(installed: LocalCluster) -> Iterator[adapter_double.Adapter]:
    with adapter_double.serving(installed) as serving:
        yield serving


def hpa(namespace: str) -> dict[str, Any]:
    """The example, for this namespace, its Deployment and a page that names its model `m`; it may act at once."""
    text = (EXAMPLES / "hpa.yaml").read_text().replace("model_name: llama-70b", "model_name: m")
    found: dict[str, Any] = yaml.safe_load(text.replace("llama-70b", "chat"))
    found["metadata"]["namespace"] = namespace
    del found["spec"]["behavior"]
    return found


class World:
    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def replicas(self) -> int:
        return int(self.cluster.get("deployment", "chat", self.namespace)["spec"]["replicas"])

    def hpa(self) -> dict[str, Any]:
        return self.cluster.get("horizontalpodautoscaler", "chat", self.namespace).get("status", {})

    def currents(self) -> list[str]:
        """What the HPA last read of its two metrics, per replica as it shows them."""
        found = self.hpa().get("currentMetrics") or []
        return [one["external"]["current"]["averageValue"] for one in found if one.get("external")]

    def condition(self, kind: str) -> dict[str, Any]:
        return next((one for one in self.hpa().get("conditions", []) if one["type"] == kind), {})

    def safe(self) -> int | None:
        found: int | None = op_status(self.cluster, self.namespace).get("safeReplicas")
        return found

    def events(self) -> set[str]:
        return {one["reason"] for one in self.cluster.list("events.events.k8s.io", self.namespace)}

    def holds(self, count: int) -> None:
        """The HPA looks several times and never goes below the count.

        Above it may go for a moment: what Prometheus has can be from before the last removal.
        """
        seen: set[int] = set()
        op.stays(SYNCS, lambda: seen.add(self.replicas()) or min(seen) >= count)
        self.cluster.wait_for(lambda: self.replicas() == count, f"{count} replicas, seen were {seen}", 30)


def op_status(cluster: LocalCluster, namespace: str) -> dict[str, Any]:
    return dict(cluster.get("inferencedeployment", "chat", namespace).get("status", {}))


def test_the_hpa_holds_at_the_safe_count_without_a_refusal_and_follows_it_down(
    installed: LocalCluster, namespace: str, start: Start, adapter: adapter_double.Adapter
) -> None:
    world = World(installed, namespace)
    installed.apply([op.deployment(namespace), op.described(namespace, **SHORT)])
    op.opt_in(installed, namespace)
    operator = start()
    with EnginePages(installed, namespace) as pages, OwnPrometheus(installed).scraping(operator.port):
        pages.share(3.6)
        pages.wait_for(4)
        installed.wait_for(lambda: world.safe() == 4, "the safe count to be 4", 30)
        query = adapter.query("scalewarden_safe_replicas", namespace, "inferencedeployment=chat")
        assert query == f'max(scalewarden_safe_replicas{{inferencedeployment="chat",namespace="{namespace}"}}) by ()'
        installed.wait_for(lambda: adapter.value(query) == 4, "Prometheus to have the operator's count", 30)

        installed.apply(hpa(namespace))
        installed.wait_for(
            lambda: world.currents() == ["0", "1"], "the HPA to read an empty queue and the safe count", 40
        )
        world.holds(4)
        assert world.hpa()["desiredReplicas"] == 4
        assert world.condition("AbleToScale")["status"] == world.condition("ScalingActive")["status"] == "True"

        pages.share(1.2)
        installed.wait_for(lambda: world.safe() == 2, "the safe count to fall to 2", 120)
        installed.wait_for(lambda: world.replicas() == 2, "the HPA to follow", 60)
        world.holds(2)

        operator.stop()
        installed.wait_for(lambda: adapter.value(query) is None, "the metric to be gone", 30)
        world.holds(2)
        assert world.currents()[0] == "0", "the queue alone asks for one replica"
        assert installed.wait_for(
            lambda: "FailedGetExternalMetric" in world.events(), "the HPA to say what it misses", 30
        )
        alone = hpa(namespace)
        del alone["spec"]["metrics"][1]
        installed.apply(alone)
        installed.wait_for(lambda: world.replicas() == 1, "the queue alone to take the fleet down to 1", 30)
    assert not world.events() & {"FailedRescale", "ScaleDownRefused", "ScaleDownHeld", "ScaleDownTrimmed"}
    assert not op.fences(installed, namespace), "nobody was held by a fence"
