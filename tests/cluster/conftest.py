"""What the cluster tier shares: the control plane, with the product on it, and operators that watch a namespace."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import operator_process as op
from tests.cluster.operator_process import OperatorProcess, Start
from tests.cluster_fixtures import cluster, namespace
from tools.localcluster import LocalCluster

__all__ = ["cluster", "namespace"]


@pytest.fixture(scope="session")
def installed(cluster: LocalCluster) -> LocalCluster:
    op.install(cluster)
    return cluster


@pytest.fixture
def start(installed: LocalCluster, namespace: str, tmp_path: Path) -> Iterator[Start]:
    """Starts operators that watch the test's namespace; all are ended after the test."""
    running: list[OperatorProcess] = []

    def begin(*flags: str, wait: bool = True) -> OperatorProcess:
        own = ("-n", namespace, "--lease-namespace", namespace, "--lease-duration", "3s")
        process = OperatorProcess(installed.kubeconfig, tmp_path / f"operator-{len(running)}.log", *own, *flags)
        running.append(process)
        if wait:
            installed.wait_for(process.ready, "the operator is ready", 30)
        return process

    yield begin
    for process in running:
        with process:
            assert "Traceback" not in process.log, process.log
