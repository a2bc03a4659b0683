"""Fetch one metrics page from an address that may be slow, broken or hostile.

One deadline covers connecting and reading; reading stops at a size limit, after decompression; redirects are not
followed (a page could point at a metadata address), names are not resolved and some addresses never asked; each way to
fail has a cause without live numbers.
"""

import asyncio
import errno
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from scalewarden.errors import SourceError, SourceUnavailable
from scalewarden.sources.addresses import refused
from scalewarden.sources.base import PodEndpoint
from scalewarden.sources.lanes import LARGE, Turn

_CHECK = "check metrics.port and metrics.path"
_ASK = {"Accept": "text/plain;version=0.0.4;q=1, */*;q=0.1", "Accept-Encoding": "gzip"}
_CHUNK = 64 * 1024
_NOT_METRICS = {
    "text/html": "HTML",
    "application/json": "JSON",
    "application/xml": "XML",
    "text/xml": "XML",
    "application/vnd.google.protobuf": "protobuf",
}
_STATUS_HINTS = {
    401: "give the scrape a token that the pod accepts",
    403: "give the scrape a token that the pod accepts",
    404: _CHECK,
    503: "the engine may still be starting",
}


@dataclass(frozen=True, slots=True)
class PageLimits:
    """What one page may cost: seconds for everything, bytes after decompression."""

    deadline: float = 3.0
    max_bytes: int = 8 * 2**20


async def fetch_page(
    session: aiohttp.ClientSession,
    endpoint: PodEndpoint,
    limits: PageLimits,
    headers: Mapping[str, str],
    server_name: str | None = None,
    turn: Turn | None = None,
) -> str:
    """The page's text. Raises SourceUnavailable with a stable cause. The session must not decompress by itself.

    turn is told of a large page, and may make it wait.
    """
    try:
        _check_address(endpoint)
    except _Refused as refused:
        raise SourceUnavailable(f"the pod {refused.cause}", where=endpoint.url, hint=refused.hint) from None
    hostname = server_name if endpoint.scheme == "https" else None
    return await fetch(session, _url(endpoint), endpoint.url, limits, headers, hostname, turn=turn)


async def fetch(
    session: aiohttp.ClientSession,
    url: URL,
    where: str,
    limits: PageLimits,
    headers: Mapping[str, str],
    server_name: str | None = None,
    check: Callable[[aiohttp.ClientResponse], Awaitable[None]] | None = None,
    turn: Turn | None = None,
) -> str:
    """The text of the page at an address that stands for a pod's; where names it in messages.

    check looks at the answer first, and raises a SourceUnavailable of its own. Otherwise as `fetch_page`.
    """
    try:
        async with (
            asyncio.timeout(limits.deadline),
            session.get(
                url, headers={**_ASK, **headers}, allow_redirects=False, server_hostname=server_name
            ) as response,
        ):
            if check is not None:
                await check(response)
            _check_answer(response)
            body = await _body(response, limits.max_bytes, turn)
            return _text(body)
    except _Refused as refused:
        raise SourceUnavailable(f"the pod {refused.cause}", where=where, hint=refused.hint) from refused.__cause__
    except (aiohttp.ClientError, OSError, ValueError) as error:
        cause, hint = _explain(error, limits)
        raise SourceUnavailable(f"the pod {cause}", where=where, hint=hint) from error


class _Refused(Exception):
    """An answer that is no metrics page."""

    def __init__(self, cause: str, hint: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint


def keeps_waiting(problem: SourceError) -> bool:
    """True where the failure took its time: nothing came before the deadline, or nobody is there to refuse."""
    cause = problem.__cause__
    lost = isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT)
    return lost or isinstance(cause, TimeoutError)


def _check_address(endpoint: PodEndpoint) -> None:
    kind = refused(endpoint.ip)
    if kind:
        raise _Refused(f"claims {kind}, which is never scraped", "see status.podIP, and who runs its node")


def _url(endpoint: PodEndpoint) -> URL:
    path, _, query = endpoint.path.partition("?")
    return URL.build(
        scheme=endpoint.scheme, host=endpoint.ip, port=endpoint.port, path=f"/{path.lstrip('/')}", query_string=query
    )


def _check_answer(response: aiohttp.ClientResponse) -> None:
    if 300 <= response.status < 400:
        raise _Refused(f"redirects (HTTP {response.status}), which is not followed", _CHECK)
    if response.status != 200:
        raise _Refused(f"answers HTTP {response.status}", _STATUS_HINTS.get(response.status, "see the pod's log"))
    kind = _NOT_METRICS.get(response.content_type.lower())
    if kind:
        raise _Refused(f"answers {kind}, not metrics", _CHECK)


async def _body(response: aiohttp.ClientResponse, limit: int, turn: Turn | None) -> bytes:
    """The decompressed body, at most `limit` bytes; one byte more ends the reading."""
    decode, complete = _decoder(response.headers.get("Content-Encoding", "identity").lower())
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += decode(chunk, limit + 1 - len(body))
        if len(body) > limit:
            raise _Refused(f"serves a page larger than {limit // 2**20} MiB", "drop series that nobody reads")
        if turn is not None and len(body) > LARGE:
            await turn.large()
    if not complete():
        raise _Refused("ends its page too early", "see the pod's log")
    return bytes(body)


def _decoder(encoding: str) -> tuple[Callable[[bytes, int], bytes], Callable[[], bool]]:
    """How to decode a chunk into at most so many bytes, and whether the stream is complete."""
    if encoding == "identity":
        return lambda chunk, room: chunk, lambda: True
    if encoding not in ("gzip", "x-gzip"):
        raise _Refused("compresses its page in a way that was not asked for", "gzip or none is understood")
    stream = _Gunzip()
    return stream.inflate, stream.complete


class _Gunzip:
    """A gzip stream of one member or several, a chunk at a time."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def inflate(self, chunk: bytes, room: int) -> bytes:
        """What the chunk inflates to, at most `room` bytes; what is beyond them is lost."""
        found = bytearray()
        try:
            while chunk and len(found) < room:
                if self._member.eof:
                    self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
                found += self._member.decompress(chunk, room - len(found))
                chunk = self._member.unused_data
        except zlib.error as error:
            raise _Refused("serves broken gzip", "see the pod's log") from error
        return bytes(found)

    def complete(self) -> bool:
        """True where the stream ends here."""
        return self._member.eof


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Refused("serves a page that is not UTF-8 text", _CHECK) from error
    start = text[:256].lstrip().lower()
    if not text.strip():
        raise _Refused("answers an empty page", _CHECK)
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise _Refused("answers HTML, not metrics", _CHECK)
    if start.startswith("{"):
        raise _Refused("answers JSON, not metrics", _CHECK)
    if not text.endswith("\n"):  # the format ends its last line: half a number would read as another number
        raise _Refused("ends its page in the middle of a line", "see the pod's log")
    return text


def _explain(error: Exception, limits: PageLimits) -> tuple[str, str]:
    """Cause and hint for what the client library raised; most specific first."""
    match error:
        case TimeoutError():
            return f"did not answer within {limits.deadline:g} s", "the engine may hang or be overloaded"
        case aiohttp.ClientConnectorCertificateError():
            return (
                "presents a TLS certificate that is not trusted",
                "give the CA file and the server name of the scrape",
            )
        case aiohttp.ClientConnectorSSLError():
            return "does not speak TLS on its metrics port", "check the scheme of its metrics port"
        case aiohttp.ClientPayloadError():
            return "ends its page too early", "see the pod's log"
        case aiohttp.ServerDisconnectedError():
            return "closes the connection without an answer", "see the pod's log"
        case OSError(errno=errno.ECONNREFUSED):
            return "refuses connections on its metrics port", _CHECK
        case OSError(errno=errno.ECONNRESET | errno.EPIPE):
            return "closes the connection without an answer", "see the pod's log"
        case OSError():
            return "cannot be reached", "check network policies between this process and the pod"
        case aiohttp.ClientResponseError():
            return "does not answer HTTP", _CHECK
        case _:
            return "cannot be asked", "check the address of its metrics page"
