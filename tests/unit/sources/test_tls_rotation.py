"""Certificates and authorities that change while we run."""

import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from scalewarden.errors import BadInput
from scalewarden.sources.base import PodEndpoint
from scalewarden.sources.scrape import DirectScrape, ScrapeOptions
from scalewarden.sources.tls import Access, FreshContext
from tests.unit.sources.loopback import http_server
from tests.unit.sources.prometheus_store import NOW, endpoint, source_of

PAGE = "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 3\n"


def serving(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


def test_a_context_is_made_anew_when_a_file_has_changed_and_only_then(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    fresh = FreshContext(Access(ca_file=file))
    first = fresh.current()
    assert fresh.current() is first
    trustme.CA(organization_name="another").cert_pem.write_to_path(str(file))
    second = fresh.current()
    assert second is not first and len(second.get_ca_certs()) == 1
    file.write_text("half a certifi")
    assert fresh.current() is second, "a file that is being written leaves the last one in force"
    with pytest.raises(BadInput, match="the CA file cannot be used"):
        FreshContext(Access(ca_file=file))


async def page(_: web.Request) -> web.StreamResponse:
    return web.Response(text=PAGE, headers={"Content-Type": "text/plain; version=0.0.4"})


async def test_a_scrape_follows_the_authority(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    file = tmp_path / "ca.pem"
    old.cert_pem.write_to_path(str(file))
    source = DirectScrape(ScrapeOptions(access=Access(ca_file=file), spread=0, server_name="localhost"))
    async with http_server(page, serving(new)) as port:
        pod = PodEndpoint("serving", "llama-0", "gpu-1", "127.0.0.1", port, scheme="https")
        strange = await source.collect([pod], NOW)
        new.cert_pem.write_to_path(str(file))
        trusted = await source.collect([pod], NOW + 15)
        await source.close()
    assert pod.key in strange.problems
    assert trusted.problems == {}


async def test_prometheus_connections_follow_the_authority(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    file = tmp_path / "ca.pem"
    old.cert_pem.write_to_path(str(file))

    async def empty(_: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": []}})

    async with http_server(empty, serving(new)) as port:
        source = source_of(0, access=Access(ca_file=file), url=f"https://localhost:{port}")
        strange = await source.collect([endpoint()], NOW)
        new.cert_pem.write_to_path(str(file))
        trusted = await source.collect([endpoint()], NOW + 15)
        await source.close()
    assert "no TLS certificate that is trusted" in str(strange.problem)
    assert trusted.problem is None
