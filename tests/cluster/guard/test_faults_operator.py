"""Operators that are killed, paused and put against each other; the guard goes on, and lets go in time."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.guard.bench import Bench, Guard
from tests.cluster.operator_process import OperatorProcess
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

SILENT_AFTER, SWEEP = 6.0, 5.0
"""Seconds of silence that release fences here (100 in a real guard), and seconds between two looks of the janitor."""
SLACK = 6.0

Start = Callable[[], OperatorProcess]


@pytest.fixture
def start_operator(installed: LocalCluster, tmp_path: Path) -> Iterator[Start]:
    """Operators under the chart's ServiceAccount, whose Lease lasts for three seconds; ended with the test."""
    config = installed.kubeconfig_for(installed.token("scalewarden", "scalewarden-operator"), "operator")
    started: list[OperatorProcess] = []

    def start() -> OperatorProcess:
        flags = ("--lease-namespace", "scalewarden", "--lease-duration", "3s")
        started.append(OperatorProcess(config, tmp_path / f"operator-{len(started)}.log", *flags))
        installed.wait_for(started[-1].ready, "the operator to be ready", 40)
        return started[-1]

    yield start
    for one in started:
        with one:
            assert "Traceback" not in one.log, one.log


def lease(cluster: LocalCluster) -> dict[str, Any]:
    """Who leads, and how often that has changed."""
    found: dict[str, Any] = cluster.get("lease", "scalewarden-operator", "scalewarden")["spec"]
    return found


def leads(operator: OperatorProcess) -> bool:
    return "scalewarden_leader 1.0" in operator.page("/metrics")


def test_a_killed_operators_evidence_holds_nobody_for_longer_than_is_promised(
    bench: Bench, start_operator: Start, start_guard: Callable[..., Guard]
) -> None:
    operator = start_operator()
    guard = start_guard("--operator-silent-after", str(SILENT_AFTER))
    cluster = bench.cluster
    cluster.wait_for(lambda: "deployments/llama" in bench.fences(), "a fence for want of signals", 30)
    cluster.wait_for(lambda: not bench.autoscale(2).done, "the autoscaler to be held", 20)
    operator.stop(signal.SIGKILL)
    began = time.monotonic()
    assert not bench.autoscale(2).done, "the last fence stands"
    assert bench.scale(6).done, "an increase"
    cluster.wait_for(lambda: bench.autoscale(5).done, "the former behavior", SILENT_AFTER + SWEEP + SLACK)
    assert SILENT_AFTER - 3 < time.monotonic() - began < SILENT_AFTER + SWEEP + SLACK
    assert bench.fences() == {} and bench.autoscale(1).done
    assert bench.scale(4).done
    start_operator()
    cluster.wait_for(lambda: "deployments/llama" in bench.fences(), "the fence to be back with an operator", 30)
    guard.stop()


def test_of_two_operators_one_writes_also_when_it_was_paused_past_its_lease(
    bench: Bench, start_operator: Start, installed: LocalCluster
) -> None:
    first = start_operator()
    installed.wait_for(lambda: leads(first), "the first to lead", 20)
    second = start_operator()
    installed.wait_for(lambda: "deployments/llama" in bench.fences(), "a fence", 30)
    before = lease(installed)["leaseTransitions"]
    version = fence_version(bench)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        installed.wait_for(lambda: leads(second), "the second to take over", 20)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    for _ in range(25):
        assert not (leads(first) and leads(second)), "two leaders"
        time.sleep(0.2)
    assert leads(second) and not leads(first)
    assert lease(installed)["leaseTransitions"] == before + 1
    assert fence_version(bench) == version, "a change of leaders is no change of the fence"
    raised = bench.events("FenceRaised")
    assert len(raised) == 2 and not any(one.get("series") for one in raised), "told once on each object"


def fence_version(bench: Bench) -> str:
    return str(bench.cluster.get("scalefence", "scalewarden", bench.namespace)["metadata"]["resourceVersion"])


def test_two_operators_that_start_at_once_agree_on_one(
    bench: Bench, start_operator: Start, installed: LocalCluster
) -> None:
    installed.kubectl("delete", "lease", "scalewarden-operator", "-n", "scalewarden", "--ignore-not-found")
    both = [start_operator(), start_operator()]
    for _ in range(25):
        assert sum(leads(one) for one in both) <= 1
        time.sleep(0.2)
    installed.wait_for(lambda: sum(leads(one) for one in both) == 1, "one to lead", 20)
