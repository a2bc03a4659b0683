"""Time that goes wrong: an etcd that stalls again and again, and guards whose clocks are minutes off."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.guard.bench import Bench, Guard
from tests.cluster.guard.inside import free_port
from tests.cluster.guard.load import WEBHOOK, Load, wait_until_known
from tests.cluster.operator_process import stays
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

STALLS, GOES_ON = 0.5, 0.2
"""Seconds: a disk that is far too slow for etcd, yet not so slow that the API server gives up."""


@contextmanager
def stalling(pid: int) -> Iterator[None]:
    """The process stands still most of the time while the block runs."""
    done = threading.Event()

    def stall() -> None:
        while not done.is_set():
            os.kill(pid, signal.SIGSTOP)
            done.wait(STALLS)
            os.kill(pid, signal.SIGCONT)
            done.wait(GOES_ON)

    thread = threading.Thread(target=stall, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10)
        os.kill(pid, signal.SIGCONT)


def test_an_etcd_that_stalls_delays_requests_and_lets_none_through(
    fenced: Bench, start_guard: Callable[..., Guard], installed: LocalCluster
) -> None:
    guard = start_guard()
    wait_until_known(fenced)
    etcd = installed.processes()["etcd"]["pid"]
    assert etcd
    with Load(fenced) as load:
        load.wait_for("webhook")
        with stalling(etcd):
            load.wait_for("webhook", 30)
        load.wait_for("webhook")
    assert load.judge()["webhook"] > 30
    assert fenced.replicas() == 4 and guard.get("/readyz") == 200
    guard.stop()


@pytest.mark.parametrize("ahead", [120.0, -120.0], ids=["two minutes ahead", "two minutes behind"])
def test_a_guard_with_another_clock_refuses_the_same_and_releases_nothing_too_early(
    fenced: Bench, start_guard: Callable[..., Guard], ahead: float
) -> None:
    guard = start_guard(ahead=ahead)
    wait_until_known(fenced)
    kept = fenced.fences()
    assert WEBHOOK in fenced.scale(2).said
    assert fenced.scale(5).done and fenced.scale(4).done
    stays(12.0, lambda: fenced.fences() == kept)  # the janitor has looked twice
    assert "Traceback" not in guard.log.read_text()
    guard.stop()


def test_guards_whose_clocks_differ_by_minutes_agree(
    fenced: Bench, start_guard: Callable[..., Guard], installed: LocalCluster
) -> None:
    """The one that the API server calls is right, the other only sweeps: it may not undo what the first one keeps."""
    first = start_guard()
    second = Guard.start(installed, free_port(), ahead=90.0)
    try:
        wait_until_known(fenced)
        kept = fenced.fences()
        stays(12.0, lambda: fenced.fences() == kept)
        fenced.fence(lasts=5.0)
        fenced.cluster.wait_for(lambda: not fenced.fences(), "the entry to go, once", 30)
        assert fenced.scale(4).done
    finally:
        second.stop()
        first.stop()
