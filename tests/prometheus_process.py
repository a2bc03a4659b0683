"""A real Prometheus of one's own, beside any cluster: scrapes pages that a test serves, with any flags."""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web as http

from tests.unit.sources.loopback import http_server
from tools.localcluster import BinaryMissingError
from tools.localcluster.binaries import find


def prometheus_binary() -> Path:
    """The binary of the local cluster. Skips the test aloud where it cannot be had; in CI that fails."""
    try:
        return find(["prometheus"])["prometheus"]
    except BinaryMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(f"In CI the cluster tests are never skipped. {error}", pytrace=False)
        pytest.skip(f"NO PROMETHEUS, test not run. {error}")


def free_port() -> int:
    """A port on loopback that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def scrape_config(port: int, **more: Any) -> dict[str, Any]:
    """A job that scrapes one page a second and takes the page's own labels."""
    return {
        "job_name": "pods",
        "honor_labels": True,
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        **more,
    }


@asynccontextmanager
async def prometheus(
    folder: Path,
    jobs: Sequence[Mapping[str, Any]],
    *flags: str,
    web: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[str]:
    """Run one in `folder`; gives `host:port` once it listens. web: its web.config.file; settings: more of its file."""
    address = f"127.0.0.1:{free_port()}"
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": list(jobs), **(settings or {})}))
    arguments = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    if web is not None:
        (folder / "web.yml").write_text(yaml.safe_dump(dict(web)))
        arguments.append(f"--web.config.file={folder / 'web.yml'}")
    arguments += [f"--web.listen-address={address}", *flags]
    binary = await asyncio.to_thread(prometheus_binary)
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(str(binary), *arguments, stdout=log, stderr=log)
        try:
            await _ready(folder, process)
            yield address
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 30)


async def _ready(folder: Path, process: Process) -> None:
    """Its log says so: that works with TLS and passwords too."""
    log = folder / "prometheus.log"

    async def said() -> bool:
        assert process.returncode is None, log.read_text()
        return "Server is ready to receive web requests" in log.read_text()

    await until("Prometheus to be ready", said)


@asynccontextmanager
async def pages(page: Callable[[], str]) -> AsyncIterator[int]:
    """Serve what `page` gives at every moment; gives the port."""

    async def answer(_: http.Request) -> http.StreamResponse:
        return http.Response(text=page(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async with http_server(answer) as port:
        yield port


async def counted(address: str, handler: str) -> int:
    """How many requests for `handler` Prometheus itself says it has answered."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    found = [line for line in lines if line.startswith("prometheus_http_requests_total{") and f'"{handler}"' in line]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in found))


async def until(what: str, true: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Ask again and again until the awaited answer is true."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                found, _ = await asyncio.gather(true(), asyncio.sleep(0.2))
                if found:
                    return found
    except TimeoutError:
        raise AssertionError(f"waited {seconds:g} s for {what}") from None
