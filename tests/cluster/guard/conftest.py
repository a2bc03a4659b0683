"""A cluster with the chart installed by Helm, opted-in namespaces with one guarded service, and guards beside it."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.guard.bench import Bench, Guard, install
from tests.cluster.guard.load import wait_until_known
from tests.cluster.operator_process import OperatorProcess
from tests.cluster_fixtures import start_or_skip
from tools.localcluster import LocalCluster
from tools.localcluster.components import CONTROL_PLANE

StartOperator = Callable[..., OperatorProcess]


@pytest.fixture(scope="session")
def guarded_cluster() -> Iterator[LocalCluster]:
    """A control plane of its own: the chart is cluster-wide."""
    with start_or_skip("guard", CONTROL_PLANE) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def port() -> int:
    """The port that the API server calls and guards listen on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def installed(guarded_cluster: LocalCluster, port: int) -> LocalCluster:
    """The cluster with the chart; its pods are left out, guards run beside it."""
    install(guarded_cluster, port)
    return guarded_cluster


@pytest.fixture
def bench(installed: LocalCluster) -> Iterator[Bench]:
    """A fresh opted-in namespace with a Deployment of 4 replicas, described."""
    bench = Bench.make(installed)
    yield bench
    installed.kubectl("delete", "namespace", bench.namespace, "--wait=false")


@pytest.fixture(scope="module")
def start_guard(installed: LocalCluster, port: int) -> Iterator[Callable[..., Guard]]:
    """Starts guards under the chart's ServiceAccount; whatever still runs ends with the module."""
    started: list[Guard] = []

    def start(*arguments: str, ahead: float = 0.0) -> Guard:
        started.append(Guard.start(installed, port, *arguments, ahead=ahead))
        return started[-1]

    yield start
    for guard in started:
        guard.stop()


@pytest.fixture
def start_operator(installed: LocalCluster, bench: Bench, tmp_path: Path) -> Iterator[StartOperator]:
    """Operators of the test's namespace, by default under the chart's ServiceAccount, once they lead."""
    config = installed.kubeconfig_for(installed.token("scalewarden", "scalewarden-operator"), "operator")
    started: list[OperatorProcess] = []

    def start(*more: str, kubeconfig: Path = config) -> OperatorProcess:
        flags = ("-n", bench.namespace, "--lease-namespace", "scalewarden", "--lease-duration", "3s", *more)
        started.append(OperatorProcess(kubeconfig, tmp_path / f"operator-{len(started)}.log", *flags))
        installed.wait_for(lambda: "scalewarden_leader 1.0" in started[-1].page("/metrics"), "an operator to lead", 40)
        return started[-1]

    yield start
    for one in started:
        with one:
            assert "Traceback" not in one.log, one.log


@pytest.fixture
def fenced(bench: Bench) -> Bench:
    """A judged service: nobody below 3, autoscalers not below 4. No guard runs yet."""
    bench.judge(safe=4)
    bench.fence()
    return bench


@pytest.fixture
def guard(start_guard: Callable[..., Guard], fenced: Bench) -> Iterator[Guard]:
    """One that knows the service; ended with the test, however it ends. It writes no traceback."""
    started = start_guard()
    wait_until_known(fenced)
    yield started
    if started.process.poll() is None:
        started.stop()
    said = started.log.read_text()
    assert "Traceback" not in said, said[-3000:]
