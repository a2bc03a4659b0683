"""A guard in a thread of the test, so that its waits can be shortened; and a wire to the API server that can die."""

import asyncio
import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from scalewarden.app.guard import Address, Guard, GuardSettings
from scalewarden.sources.kubeconnection import Connect
from tools.localcluster import LocalCluster


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])


class InsideGuard:
    """Guards under the chart's ServiceAccount while the block runs; entered once it knows everything."""

    def __init__(self, cluster: LocalCluster, port: int, config: Path | None = None, cert_dir: Path | None = None):
        self.cluster = cluster
        settings = GuardSettings(
            connect=Connect(config or guard_config(cluster)),
            listen=Address("127.0.0.1", port),
            health=Address("127.0.0.1", free_port()),
            cert_dir=cert_dir,
            silent_after=3600.0,
            drain=0.0,
        )
        self.guard = Guard(settings)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failed: BaseException | None = None

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self.guard.run()
        except BaseException as error:
            self._failed = error
            raise

    def __enter__(self) -> Self:
        self._thread.start()
        self.cluster.wait_for(lambda: self.guard.world.synced.is_set() or self._failed, "the guard to know", 30)
        assert self._failed is None, self._failed
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.guard.stopping.set)
        self._thread.join(20)
        assert not self._thread.is_alive() and self._failed is None, self._failed


def guard_config(cluster: LocalCluster) -> Path:
    """A kubeconfig of the chart's ServiceAccount for guards."""
    return cluster.kubeconfig_for(cluster.token("scalewarden", "scalewarden-guard"), "guard")


class Wire:
    """Passes bytes on to the API server. Cut, the connections that are open stay so, and nothing comes any more."""

    def __init__(self, cluster: LocalCluster) -> None:
        where = urlsplit(cluster.url)
        self._to = (str(where.hostname), int(where.port or 443))
        self.port = free_port(self._to[0])
        self.connections = 0
        self._dead = threading.Event()
        self._alive: set[threading.Event] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = threading.Event()

    def config(self, config: Path) -> Path:
        """The same kubeconfig, through this wire."""
        host, port = self._to
        through = config.with_name(f"{config.name}-{self.port}")
        text = config.read_text()
        assert f"{host}:{port}" in text
        through.write_text(text.replace(f"{host}:{port}", f"{host}:{self.port}"))
        return through

    def cut(self) -> None:
        """What is open now is dead from now on; new connections work."""
        for one in self._alive:
            one.set()
        self._alive.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._dead.set()
        self._thread.join(10)

    async def _run(self) -> None:
        server = await asyncio.start_server(self._pass, self._to[0], self.port)
        self._listening.set()
        await asyncio.to_thread(self._dead.wait)
        server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        cut = threading.Event()
        self._alive.add(cut)
        there, back = await asyncio.open_connection(*self._to)
        with contextlib.suppress(OSError):
            await asyncio.gather(_pump(reader, back, cut), _pump(there, writer, cut))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: threading.Event) -> None:
    while data := await reader.read(65536):
        if cut.is_set():
            await asyncio.sleep(3600)
        writer.write(data)
        await writer.drain()
    if not cut.is_set():
        writer.close()
