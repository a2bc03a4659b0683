"""What an answer that is none means: the cause, what to do about it, and whether asking for less would help.

Causes end in events and status: no live numbers. What the server wrote goes into the hint, cut and without numbers
of six digits and more (instants, byte counts).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ReadTimeoutError

from scalewarden.errors import PartialResponse, SourceUnavailable

LONGEST_PAUSE = 60.0
"""Seconds; a server that wants to be left alone for longer is asked again after these."""

_URL = "check the URL, and any login page or proxy on the way"
_CREDENTIALS = "give a token, password or header that Prometheus accepts"
_SHORTER = "raise the server's limit on the length of a query, or lower --prometheus-max-query"
_STATUS_HINTS = {
    400: "check the tenant header and the parameters that are sent along",
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    404: "check the URL, with its path prefix if there is one",
    405: "try --prometheus-method=GET",
    413: _SHORTER,
    414: _SHORTER,
    429: "raise the server's limit on queries, or read less often with --scrape-interval",
    502: "see the log of Prometheus, and of any proxy on the way",
    504: "see whether Prometheus is overloaded, or raise --prometheus-timeout",
}
_TOO_MUCH = re.compile(
    r"too many (samples|series|points|chunks)|exceeded? (the )?(maximum|aggregated|series limit|chunks? limit|sample)"
    r"|err-mimir-max-(chunks|series|estimated|samples)|maxSamplesPer|maxUniqueTimeseries|maxPointsPerTimeseries"
    r"|maxSeries|maxMemoryPerQuery|memory consumption limit|estimated number of chunks|samples? limit|limit exceeded"
    r"|requested \S+ of memory",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"too long query|maxQueryLen|expression-size|query (is )?too long", re.IGNORECASE)
_NO_NAME_MATCH = re.compile(r"(?s)(?=.*__name__)(unsupported|not supported|exact match|matchtype)", re.IGNORECASE)
_BUSY = frozenset({429, 503})
_SERVER_FAULTS = frozenset({"internal", "unavailable", "too_many_requests", "not_acceptable", "500", "502", "503"})
_LONG_NUMBER = re.compile(r"\d{6,}(\.\d+)?")


class TooMuch(SourceUnavailable):
    """A limit on samples, series, points or bytes was hit: fewer pods or a shorter range may pass."""


class QueryRefused(SourceUnavailable):
    """The query is at fault: the same query will be refused again."""


class TooLong(QueryRefused):
    """The text of the query is longer than the server takes."""


class NamesRefused(QueryRefused):
    """The server takes no regular expression for the names of series."""


class TimedOut(SourceUnavailable):
    """No whole answer in time."""


class Busy(SourceUnavailable):
    """The server has no time for us; it asks to be left alone for `pause` seconds."""

    pause: float = 0.0


def of_document(document: Mapping[str, Any], status: int, headers: Mapping[str, str], where: str) -> SourceUnavailable:
    """From the API's own `{"status": "error", …}`."""
    kind, text = str(document.get("errorType", "")), str(document.get("error", ""))
    found = _kind_of(kind, text)
    hint = _LONG_NUMBER.sub("…", " ".join(text.split()))[:200]
    if status in _BUSY:
        return _busy(f"Prometheus refuses the query ({kind})", hint, headers, where)
    if found is TimedOut:
        return TimedOut("Prometheus gives up on the query: it takes too long", where=where, hint=hint)
    if _TOO_LONG.search(text):
        return TooLong("Prometheus refuses the query: it is too long", where=where, hint=_SHORTER)
    return found(f"Prometheus refuses the query ({kind})", where=where, hint=hint)


def _kind_of(kind: str, text: str) -> type[SourceUnavailable]:
    if _NO_NAME_MATCH.search(text):
        return NamesRefused
    if _TOO_MUCH.search(text):
        return TooMuch
    if kind in ("timeout", "canceled") or "timed out" in text:
        return TimedOut
    return SourceUnavailable if kind in _SERVER_FAULTS else QueryRefused


def of_status(status: int, body: bytes, headers: Mapping[str, str], where: str) -> SourceUnavailable:
    """From an answer that is not the API's JSON."""
    cause, hint = _no_answer(status, body)
    if status in _BUSY:
        return _busy(f"Prometheus {cause}", hint, headers, where)
    kind = TooLong if status in (413, 414) else SourceUnavailable
    return kind(f"Prometheus {cause}", where=where, hint=hint)


def _busy(cause: str, hint: str, headers: Mapping[str, str], where: str) -> SourceUnavailable:
    busy = Busy(cause, where=where, hint=hint)
    busy.pause = _pause(headers.get("Retry-After", ""))
    return busy


def _no_answer(status: int, body: bytes) -> tuple[str, str]:
    if 300 <= status < 400:
        return f"redirects (HTTP {status}), which is not followed", "give the final URL"
    if status != 200:
        return f"answers HTTP {status}", _STATUS_HINTS.get(status, "see Prometheus' log")
    if body[:256].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "answers HTML, not JSON", _URL
    return "answers something that is not the query API's JSON", _URL


def _pause(retry_after: str) -> float:
    """Seconds; 0 where the header is missing or a date."""
    text = retry_after.strip()
    return min(float(text), LONGEST_PAUSE) if text.isascii() and text.isdecimal() else 0.0


def slow(deadline: float, where: str) -> TimedOut:
    """The deadline has passed."""
    hint = "see whether Prometheus is overloaded, or raise --prometheus-timeout"
    return TimedOut(f"Prometheus did not answer within {deadline:g} s", where=where, hint=hint)


def malformed(where: str) -> SourceUnavailable:
    """JSON in the right frame, with something else inside."""
    hint = "check that the URL is that of a Prometheus query API"
    return SourceUnavailable("Prometheus answers malformed series", where=where, hint=hint)


def partial(reasons: Sequence[str], where: str) -> PartialResponse:
    """An answer that is not all, and why."""
    hint = " ".join("; ".join(reasons).split())[:300]
    return PartialResponse("Prometheus says that its answer is partial", where=where, hint=hint)


def of_exception(error: Exception, deadline: float, where: str) -> SourceUnavailable:
    """From what the client library raised; most specific first. The library's words are not repeated."""
    chain = _chain(error)
    if any(isinstance(one, requests.Timeout | ReadTimeoutError | TimeoutError) for one in chain):
        return slow(deadline, where)
    cause, hint = _unreachable(chain)
    return SourceUnavailable(f"Prometheus {cause}", where=where, hint=hint)


def _unreachable(chain: list[BaseException]) -> tuple[str, str]:
    if any(isinstance(one, requests.exceptions.SSLError) for one in chain):
        return "presents no TLS certificate that is trusted", "give its CA file, or check the URL's scheme"
    if any(isinstance(one, requests.exceptions.InvalidHeader | UnicodeError) for one in chain):
        return "cannot be sent a header: it is no plain text", "check the headers that are sent along"
    if any(isinstance(one, ConnectionRefusedError) for one in chain):
        return "refuses connections", "check the URL and that Prometheus runs"
    if any(isinstance(one, NewConnectionError | MaxRetryError) for one in chain):
        return "cannot be reached", "check the URL, its name in DNS, and network policies"
    return "breaks off its answer", "see Prometheus' log and any proxy on the way"


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and what it came from."""
    chain: list[BaseException] = []
    while error is not None and len(chain) < 16:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
