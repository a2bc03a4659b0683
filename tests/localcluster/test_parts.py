"""The small pure parts: waiting, addresses, names."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cluster_fixtures import start_or_skip
from tools.localcluster import BinaryMissingError, LocalCluster, LocalClusterError, WaitTimeoutError, down, state
from tools.localcluster.network import claim_block, free_ports
from tools.localcluster.waiting import wait_for


def test_waiting_returns_the_value_that_was_true() -> None:
    values = iter([0, None, 7])
    assert wait_for(lambda: next(values), "a number", 5) == 7


def test_waiting_says_for_what_and_what_it_saw() -> None:
    with pytest.raises(WaitTimeoutError, match=r"^Waited 0.1 s for pods. Last seen: \[\]$"):
        wait_for(lambda: [], "pods", 0.1)


def test_waiting_takes_our_errors_as_not_yet_and_lets_others_through() -> None:
    def not_there() -> bool:
        raise LocalClusterError("no such object")

    with pytest.raises(WaitTimeoutError, match="Last seen: no such object"):
        wait_for(not_there, "it", 0.1)
    with pytest.raises(ZeroDivisionError):
        wait_for(lambda: 1 // 0, "it", 5)


def test_two_clusters_never_share_a_block_and_the_kernel_frees_it() -> None:
    one, two = claim_block(), claim_block()
    with one.claim, two.claim:
        assert one.number != two.number
        with pytest.raises(OSError, match="in use"), socket.socket() as sock:
            sock.bind(one.claim.getsockname())
    with socket.socket() as sock:
        sock.bind((f"127.{one.number}.255.254", 27_020))


def test_free_ports_are_distinct_and_can_be_bound() -> None:
    ports = free_ports("127.0.0.1", 20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", port))


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b"])
def test_a_name_that_is_no_folder_name_is_refused(name: str) -> None:
    with pytest.raises(LocalClusterError, match="is no cluster name"):
        down(name)


def test_one_name_is_started_by_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALEWARDEN_CACHE", str(tmp_path))
    refused = pytest.raises(LocalClusterError, match="'one' is being started by another process")
    with state.starting("one"), state.starting("other"), refused, state.starting("one"):
        pytest.fail("two processes would start the same cluster")
    with state.starting("one"):
        assert state.named() == {}


def test_an_unknown_component_is_refused_before_anything_starts() -> None:
    with pytest.raises(LocalClusterError, match=r"No component dns; there are etcd, apiserver"):
        LocalCluster.start("x", components=("etcd", "dns"))


def test_without_tools_cluster_tests_are_skipped_with_the_reason_but_fail_in_ci(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing_found(*_: object) -> None:
        raise BinaryMissingError("needs etcd")

    monkeypatch.setattr(LocalCluster, "start", nothing_found)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"NO LOCAL CONTROL PLANE.*needs etcd"):
        start_or_skip("x")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"never skipped\. needs etcd"):
        start_or_skip("x")
