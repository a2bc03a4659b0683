"""What a metrics endpoint can do wrong."""

from __future__ import annotations

import asyncio
import re
from enum import StrEnum

from aiohttp import web

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
BLANK = "9223372036854775794"
"""What DCGM writes for a value it does not have."""
ENDLESS_BYTES = 1 << 30
_CHUNK = b'vllm:padding{engine="0"} 1.0\n' * 36_000

_GAUGE = re.compile(
    r"^((?:vllm:(?:kv_cache_usage_perc|gpu_cache_usage_perc|num_requests_\w+)|DCGM_\w+)\{.*\}) \S+$", re.MULTILINE
)
_KV = re.compile(r"^(?:# (?:HELP|TYPE) )?vllm:(?:kv|gpu)_cache_usage_perc\b.*\n", re.MULTILINE)


class Fault(StrEnum):
    """Each spoils the page of one pod until it is cleared."""

    HANG = "hang"
    HTML = "html"
    TRUNCATED = "truncated"
    NAN = "nan"
    BLANK = "blank"
    NOT_FOUND = "404"
    ENDLESS = "endless"
    REFUSED = "refused"
    V0_NAMES = "v0-names"
    NO_KV = "no-kv"
    REDIRECT = "redirect"
    FROZEN = "frozen"
    """The page never changes again: the engine hangs, its HTTP server does not."""


def spoil(page: str, fault: Fault | None) -> str:
    """The page as the faults that only touch its text leave it."""
    if fault is Fault.NAN:
        return _GAUGE.sub(r"\1 NaN", page)
    if fault is Fault.BLANK:
        return _GAUGE.sub(rf"\1 {BLANK}", page)
    if fault is Fault.NO_KV:
        return _KV.sub("", page)
    return page


async def respond(request: web.BaseRequest, page: str, fault: Fault | None) -> web.StreamResponse:
    """Answer a scrape with the page, in the way the fault says."""
    if fault is Fault.HANG:
        await asyncio.Event().wait()
    if fault is Fault.NOT_FOUND:
        return web.Response(status=404, text="Not Found")
    if fault is Fault.HTML:
        return web.Response(text="<!doctype html><title>Sign in</title><p>Sign in", content_type="text/html")
    if fault is Fault.REDIRECT:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/metrics"})
    if fault is Fault.TRUNCATED:
        return await _truncated(request, page)
    if fault is Fault.ENDLESS:
        return await _endless(request)
    return web.Response(body=spoil(page, fault).encode(), headers={"Content-Type": CONTENT_TYPE})


async def _truncated(request: web.BaseRequest, page: str) -> web.StreamResponse:
    """Promise the whole page, send half of it, hang up."""
    body = page.encode()
    response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    hang_up(request)
    return response


async def _endless(request: web.BaseRequest) -> web.StreamResponse:
    """A gigabyte of well-formed lines, for whoever reads that far."""
    response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
    await response.prepare(request)
    for _ in range(ENDLESS_BYTES // len(_CHUNK)):
        await response.write(_CHUNK)
    return response


def hang_up(request: web.BaseRequest) -> None:
    """Close the connection once what was written is out."""
    if request.transport is not None:
        request.transport.close()
