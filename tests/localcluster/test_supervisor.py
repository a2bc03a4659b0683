"""No component outlives its supervisor, no supervisor outlives its owner, however they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.localcluster import LocalClusterError, control
from tools.localcluster.waiting import wait_for

ROOT = Path(__file__).parents[2]

STARTER = """
import json, os, sys
from pathlib import Path
from tools.localcluster import control

work = Path(sys.argv[1])
supervisor = control.spawn(work, log=work / "log", owner=os.getpid(), ephemeral="ephemeral" in sys.argv)
start = {"do": "start", "argv": ["sleep", "600"], "env": dict(os.environ), "log": str(work / "log")}
children = [control.ask(work, {**start, "name": name})["pid"] for name in ("one", "two")]
if "release" in sys.argv:
    control.ask(work, {"do": "release"})
print(json.dumps([supervisor, *children]), flush=True)
sys.stdin.read()
"""

Start = Callable[..., tuple[subprocess.Popen[str], list[int]]]


def gone(pids: list[int]) -> bool:
    """Whether none of these runs; a dead process nobody has collected yet does not."""
    return all(control.start_ticks(pid) is None for pid in pids)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / ("long-" * 30)  # far over the length a socket path may have
    folder.mkdir()
    return folder


@pytest.fixture
def start(work: Path) -> Start:
    """Runs STARTER in a process of its own: it, and the pids of its supervisor and two components."""

    def run(*options: str) -> tuple[subprocess.Popen[str], list[int]]:
        owner = subprocess.Popen(
            [sys.executable, "-c", STARTER, str(work), *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert owner.stdout is not None
        pids = json.loads(owner.stdout.readline())
        assert len(pids) == 3
        assert not any(gone([pid]) for pid in pids)
        return owner, pids

    return run


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_everything_ends_with_the_owner(start: Start, work: Path, signum: signal.Signals) -> None:
    owner, pids = start("ephemeral")
    owner.send_signal(signum)
    owner.wait(10)
    wait_for(lambda: gone(pids), f"{pids} to end after {signum.name}", 10)
    wait_for(lambda: not work.exists(), "the folder to be deleted", 10)


def test_everything_ends_when_the_owner_just_returns(start: Start, work: Path) -> None:
    owner, pids = start()
    owner.communicate()
    wait_for(lambda: gone(pids), f"{pids} to end", 10)
    assert work.exists()


def test_components_die_with_a_killed_supervisor(start: Start) -> None:
    owner, pids = start()
    os.kill(pids[0], signal.SIGKILL)
    wait_for(lambda: gone(pids), f"{pids} to end", 10)
    owner.communicate()


def test_a_released_cluster_lives_on_until_it_is_ended(start: Start) -> None:
    owner, pids = start("release")
    owner.communicate()
    ticks = control.start_ticks(pids[0])
    assert ticks is not None
    control.end(pids[0], ticks)
    assert gone(pids)


def test_an_owner_that_is_gone_already_is_noticed(work: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    with pytest.raises(LocalClusterError, match="did not start"):
        control.spawn(work, log=work / "log", owner=dead.pid, ephemeral=False)


@pytest.fixture
def running(work: Path) -> Path:
    """A supervisor owned by this process, in `work`; ends with it at the latest."""
    control.spawn(work, log=work / "log", owner=os.getpid(), ephemeral=True)
    return work


def test_stop_status_and_start_again(running: Path) -> None:
    start = {"do": "start", "name": "one", "argv": ["sleep", "600"], "env": dict(os.environ), "log": "/dev/null"}
    first = control.ask(running, start)
    with pytest.raises(LocalClusterError, match=f"one is running already, pid {first['pid']}"):
        control.ask(running, start)
    assert control.ask(running, {"do": "stop", "name": "one", "grace": 5})["exit"] == -signal.SIGTERM
    second = control.ask(running, start)
    assert control.ask(running, {"do": "stop", "name": "one", "grace": 0})["exit"] == -signal.SIGKILL
    assert second["pid"] != first["pid"]
    assert control.ask(running, {"do": "status"}) == {"one": {"pid": second["pid"], "exit": -signal.SIGKILL}}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"do": "dance"}, "unknown request 'dance'"),
        ({"do": "stop", "name": "nobody", "grace": 0}, "KeyError: 'nobody'"),
        (
            {"do": "start", "name": "x", "argv": ["/no/such"], "env": {}, "log": "/dev/null"},
            "FileNotFoundError",
        ),
    ],
)
def test_what_cannot_be_done_is_said(running: Path, request_: dict[str, object], reason: str) -> None:
    with pytest.raises(LocalClusterError, match=reason):
        control.ask(running, request_)


def test_a_pid_that_was_reused_is_another_process() -> None:
    ticks = control.start_ticks(os.getpid())
    assert ticks is not None
    assert control.alive(os.getpid(), ticks)
    assert not control.alive(os.getpid(), ticks - 1)
    assert control.start_ticks(2**22 + 1) is None
