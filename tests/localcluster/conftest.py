"""A local archive server that can misbehave, and tools that are three lines of shell."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.localcluster import binaries
from tools.localcluster.cache import Cache
from tools.localcluster.download import Patience
from tools.localcluster.pins import Archive

PLATFORM = "linux-amd64"
IN_ARCHIVE = ("etcd", "kube-apiserver", "kubectl")
PRINTED = {
    "etcd": "etcd Version: 3.6.8",
    "kube-apiserver": "Kubernetes v1.36.2",
    "kubectl": "Client Version: v1.36.2",
}


def script(printed: str) -> bytes:
    """An executable that prints its version."""
    return f"#!/bin/sh\necho '{printed}'\n".encode()


def tar_gz(files: dict[str, bytes]) -> bytes:
    """A gzipped tar with the folder structure of the published archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"controller-tools/envtest/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class ArchiveServer:
    """Serves `body` under every path, after a manner: good, missing, truncated, hanging, dripping."""

    body: bytes = field(default_factory=lambda: tar_gz({name: script(PRINTED[name]) for name in IN_ARCHIVE}))
    manner: str = "good"
    url: str = ""
    requests: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def archive(self, *, sha512: str | None = None) -> Archive:
        """The pin for what is served, or for something else."""
        digest = sha512 or hashlib.sha512(self.body).hexdigest()
        return Archive("9.9.9", self.url, {PLATFORM: digest}, IN_ARCHIVE)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request the way `manner` says."""
        self.requests.append(handler.path)
        if self.manner == "missing":
            handler.send_error(404)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(self.body)))
        if self.manner == "hanging":
            self.released.wait()
            return
        handler.end_headers()
        if self.manner == "dripping":
            while not self.released.wait(0.02):
                handler.wfile.write(b"x")
            return
        handler.wfile.write(self.body[: len(self.body) // 2] if self.manner == "truncated" else self.body)


@pytest.fixture
def archive_server() -> Iterator[ArchiveServer]:
    """A server on loopback; gone afterwards, even if a handler hangs."""
    state = ArchiveServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                state.answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    state.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lines() -> list[str]:
    """What was told as progress."""
    return []


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No tools anywhere: an empty PATH, no asset folders, another Python folder. Returns PATH's one folder."""
    for variable in (*binaries.ASSET_VARIABLES, binaries.URL_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python" / "python3"))
    return folder


@pytest.fixture
def finder(
    tmp_path: Path, bare_machine: Path, archive_server: ArchiveServer, lines: list[str]
) -> Callable[[], binaries.Finder]:
    """Makes finders that share a cache and know only the local archive server."""

    def make(archive: Archive | None = None) -> binaries.Finder:
        return binaries.Finder(
            Cache(tmp_path / "cache", PLATFORM),
            PLATFORM,
            lines.append,
            archive or archive_server.archive(),
            Patience(stall=0.3, total=0.3),
        )

    return make


def put(folder: Path, name: str, printed: str) -> Path:
    """Install a fake tool that prints a version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(script(printed))
    path.chmod(0o755)
    return path
