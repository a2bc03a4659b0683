"""Real clusters come up, stand beside each other, survive faults and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster_fixtures import start_or_skip
from tools.localcluster import LocalCluster, LocalClusterError, Settings, control
from tools.localcluster.waiting import wait_for

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
MINIMAL = ("etcd", "apiserver")

SESSION = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests were told to ignore it
import json, sys
from tools.localcluster import LocalCluster
with LocalCluster.start("victim", components=("etcd", "apiserver")) as c:
    print(json.dumps([str(c.work_dir), *(p["pid"] for p in c.processes().values())]), flush=True)
    sys.stdin.read()
"""


def gone(pids: list[int]) -> bool:
    """Whether none of these processes runs."""
    return all(control.start_ticks(pid) is None for pid in pids)


@pytest.fixture(scope="module", autouse=True)
def tools_at_hand() -> None:
    """Skips this module, or fails it in CI, when no control plane can be had."""
    start_or_skip("probe", components=MINIMAL).stop()


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache folder of this test's own for what `up` records, with the tools found through asset folders."""
    found = json.loads(command("fetch", "-o", "json").stdout)
    assets = tmp_path / "assets"
    assets.mkdir()
    for name, path in found.items():
        (assets / name).symlink_to(path)
    monkeypatch.setenv("SCALEWARDEN_ASSETS", str(assets))
    monkeypatch.setenv("SCALEWARDEN_CACHE", str(tmp_path / "cache"))
    yield
    command("down", "--all")


def command(*args: str) -> subprocess.CompletedProcess[str]:
    """`python -m tools.localcluster …`"""
    argv = [sys.executable, "-m", "tools.localcluster", *args]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_up_status_kubeconfig_down(own_state: None) -> None:
    up = command("up", "one", "--no-prometheus", "--nodes", "1")
    assert up.returncode == 0, up.stderr
    assert "starting apiserver" in up.stderr
    kubeconfig = up.stdout.strip()
    assert command("kubeconfig", "one").stdout.strip() == kubeconfig
    (report,) = json.loads(command("status", "-o", "json").stdout)
    pids = [report["supervisor"], *(process["pid"] for process in report["processes"].values())]
    again = command("up", "one")
    assert again.returncode == 1
    assert "error: A local cluster 'one' is running already" in again.stderr
    assert report["name"] == "one"
    assert report["kubeconfig"] == kubeconfig
    assert command("down", "one").returncode == 0
    assert gone(pids)
    assert not Path(kubeconfig).exists()
    assert command("down", "one").returncode == 0
    assert "No local cluster 'one' is running" in command("kubeconfig", "one").stderr


def test_the_state_a_killed_supervisor_leaves_is_recognised(own_state: None) -> None:
    start = LocalCluster.start("one", components=MINIMAL, keep=True)
    pids = [process["pid"] for process in start.processes().values()]
    (report,) = json.loads(command("status", "-o", "json").stdout)
    os.kill(report["supervisor"], signal.SIGKILL)
    wait_for(lambda: gone([pid for pid in pids if pid]), "the components to end", 10)
    assert "one\tgone" in command("status").stdout
    told: list[str] = []
    LocalCluster.start("one", components=MINIMAL, keep=True, progress=told.append)
    assert any(line.startswith("removed the stale state of one") for line in told)


def test_two_at_once_are_separate() -> None:
    with (
        LocalCluster.start("two", components=MINIMAL) as one,
        LocalCluster.start("two", components=MINIMAL) as other,
    ):
        assert one.url != other.url
        assert one.pod_cidr != other.pod_cidr
        one.kubectl("create", "namespace", "only-here")
        assert "only-here" in one.kubectl("get", "ns", "-o", "name").stdout
        assert "only-here" not in other.kubectl("get", "ns", "-o", "name").stdout


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_after_the_session_is_ended(signum: signal.Signals) -> None:
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert session.stdout is not None
    work_dir, *pids = json.loads(session.stdout.readline())
    assert not gone(pids)
    os.killpg(session.pid, signum)  # as a terminal does on Ctrl-C
    session.wait(20)
    wait_for(lambda: gone(pids), f"{pids} to end after {signum.name}", 20)
    wait_for(lambda: not Path(work_dir).exists(), f"{work_dir} to be deleted", 20)


def test_a_component_that_does_not_start_is_shown_with_its_log() -> None:
    told: list[str] = []
    with pytest.raises(LocalClusterError, match=r"(?s)controller-manager exited with 1.*hpa-nonsense") as caught:
        LocalCluster.start("broken", settings=Settings(hpa_sync_period="hpa-nonsense"), progress=told.append)
    assert "Its last lines:" in str(caught.value)
    assert "starting controller-manager" in told
    assert not list(Path(tempfile.gettempdir()).glob("scalewarden-cluster-broken-*"))


def test_restart_keeps_address_and_data_and_kill_leaves_it_down() -> None:
    with LocalCluster.start("faults", components=MINIMAL) as cluster:
        cluster.kubectl("create", "namespace", "kept")
        url, pid = cluster.url, cluster.processes()["apiserver"]["pid"]
        cluster.kill("apiserver")
        assert cluster.processes()["apiserver"]["exit"] == -signal.SIGKILL
        assert cluster.kubectl("get", "ns", check=False).returncode != 0
        cluster.restart("apiserver")
        cluster.restart("apiserver")
        assert cluster.url == url
        assert cluster.processes()["apiserver"]["pid"] != pid
        assert cluster.get("namespace", "kept")["status"]["phase"] == "Active"
        with pytest.raises(LocalClusterError, match="This cluster has no scheduler; it has etcd, apiserver"):
            cluster.restart("scheduler")
