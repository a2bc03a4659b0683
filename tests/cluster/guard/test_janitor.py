"""Fences that nobody stands behind any more are taken down by the guard, in the real API."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scalewarden.app.janitor import SKEW
from tests.cluster.guard.bench import Bench, Guard
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

SILENT_AFTER = 3.0


def beat(cluster: LocalCluster) -> None:
    """Renew the operator's Lease, as a living operator does."""
    renewed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata = {"name": "scalewarden-operator", "namespace": "scalewarden"}
    spec = {"holderIdentity": "operator-1", "leaseDurationSeconds": 15, "renewTime": renewed}
    cluster.apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})


def entry(bench: Bench) -> dict[str, Any] | None:
    """The fence entry of the Deployment."""
    found: dict[str, Any] | None = bench.fences().get("deployments/llama")
    return found


def test_an_expired_fence_is_released(bench: Bench, start_guard: Callable[..., Guard]) -> None:
    guard = start_guard("--operator-silent-after", "3600")
    bench.fence(lasts=4)
    assert not bench.scale(1).done
    began = time.monotonic()
    bench.cluster.wait_for(lambda: entry(bench) is None, "the entry to be removed", SKEW + 20)
    assert time.monotonic() - began > SKEW - 2, "clocks may differ: not before they surely agree"
    bench.cluster.wait_for(lambda: bench.scale(1).done, "the policy to let it pass", 10)
    guard.stop()


def test_a_silent_operators_fences_are_released_to_the_declared_minimum(
    bench: Bench, start_guard: Callable[..., Guard]
) -> None:
    bench.cluster.apply(bench.service(minReplicas=2))
    beat(bench.cluster)
    guard = start_guard("--operator-silent-after", str(SILENT_AFTER))
    bench.fence(nobody=4)
    deadline = time.monotonic() + 2.5 * SILENT_AFTER
    while time.monotonic() < deadline:
        beat(bench.cluster)
        found = entry(bench)
        assert found and found["replicas"] == 4, "a living operator's fence must stand"
        time.sleep(0.5)
    floor = bench.cluster.wait_for(
        lambda: (found := entry(bench)) and found["replicas"] == 2 and found, "the fence to be lowered", 30
    )
    assert (floor["autoscalerReplicas"], floor["reason"]) == (2, "BelowMinimum")
    assert "expiresAt" not in floor and "autoscalerReason" not in floor
    bench.cluster.wait_for(lambda: bench.scale(2).done, "the policy to let the minimum pass", 10)
    refused = bench.scale(1)
    assert not refused.done and "BelowMinimum: fewer replicas than the declared minimum" in refused.said
    guard.stop()


def test_two_guards_agree_and_a_fence_without_its_service_goes(
    bench: Bench, start_guard: Callable[..., Guard], installed: LocalCluster, port: int
) -> None:
    second_port = port + 1
    guards = [start_guard(), Guard.start(installed, second_port, "--operator-silent-after", "3600")]
    bench.fence()
    assert bench.kubectl("delete", "infd", "llama").done
    bench.cluster.wait_for(lambda: entry(bench) is None, "the orphan to be removed", 20)
    bench.cluster.wait_for(lambda: bench.scale(0).done, "the policy to let it pass", 10)
    for guard in guards:
        assert guard.stop() == 0
        assert "Traceback" not in guard.log.read_text()
