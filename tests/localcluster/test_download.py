"""The archive is taken only when it is the published one, and nothing waits without end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

from tools.localcluster import BinaryMissingError, binaries

from .conftest import PRINTED, ArchiveServer, tar_gz

MakeFinder = Callable[..., binaries.Finder]


def test_a_good_archive_gives_working_tools(finder: MakeFinder, archive_server: ArchiveServer) -> None:
    found = finder().find(PRINTED)
    for name, printed in PRINTED.items():
        assert subprocess.run([found[name]], capture_output=True, text=True).stdout.strip() == printed
    assert archive_server.requests == ["/envtest-v9.9.9-linux-amd64.tar.gz"]


def test_the_second_run_downloads_nothing(finder: MakeFinder, archive_server: ArchiveServer) -> None:
    first = finder().find(PRINTED)
    assert finder().find(PRINTED) == first
    assert len(archive_server.requests) == 1


def test_the_address_can_be_a_mirror(
    finder: MakeFinder, archive_server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(binaries.URL_VARIABLE, f"{archive_server.url}/mirror/")
    finder().find(["etcd"])
    assert archive_server.requests == ["/mirror/envtest-v9.9.9-linux-amd64.tar.gz"]


def test_an_empty_address_turns_downloads_off(
    finder: MakeFinder, archive_server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(binaries.URL_VARIABLE, "")
    with pytest.raises(BinaryMissingError, match="turned off by an empty SCALEWARDEN_ENVTEST_URL"):
        finder().find(["etcd"])
    assert archive_server.requests == []


def test_a_wrong_checksum_is_refused(finder: MakeFinder, archive_server: ArchiveServer) -> None:
    other = finder(archive_server.archive(sha512="0" * 128))
    with pytest.raises(BinaryMissingError, match=r"SHA-512 is \w+…, the published one is 0000"):
        other.find(["etcd"])
    assert not list(other.cache.root.rglob("etcd"))


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("missing", "the server answered 404"),
        ("truncated", r"it ended after \d+ of \d+ bytes"),
        ("hanging", "no data in time|timed out"),
        ("dripping", "not complete after 0.3 s"),
    ],
)
def test_a_bad_server_is_named_and_given_up_quickly(
    finder: MakeFinder, archive_server: ArchiveServer, lines: list[str], manner: str, reason: str
) -> None:
    archive_server.manner = manner
    began = time.monotonic()
    with pytest.raises(BinaryMissingError, match=reason):
        finder().find(["etcd"])
    assert time.monotonic() - began < 10
    assert any(line.startswith("no archive: ") for line in lines)


def test_nobody_listens(finder: MakeFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binaries.URL_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(BinaryMissingError, match="no connection"):
        finder().find(["etcd"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>no such thing</html>", "is not a sound archive"),
        (tar_gz({"etcd": b"x"}), "does not contain kube-apiserver, kubectl"),
    ],
)
def test_what_was_published_must_be_the_archive(
    finder: MakeFinder, archive_server: ArchiveServer, body: bytes, reason: str
) -> None:
    archive_server.body = body
    with pytest.raises(BinaryMissingError, match=reason):
        finder().find(["etcd"])
