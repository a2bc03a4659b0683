"""One question to Prometheus' HTTP API, with every failure named.

Built on prometheus-api-client, with what a control loop cannot do without: a deadline over connecting and reading, no
retries, no redirects, nothing from the environment (proxies, .netrc), the query in the body of a POST, a size limit,
answers taken apart while they arrive, and what the answer says about itself, which tells a partial one from a whole.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from urllib3.exceptions import HTTPError

from scalewarden.errors import SourceUnavailable
from scalewarden.sources.prometheus_errors import TooMuch, malformed, of_document, of_exception, of_status, slow
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_stream import Matrix
from scalewarden.sources.tls import Access, headers_from

__all__ = ["Answer", "PrometheusApi", "PrometheusOptions", "Told"]

MOST_POINTS = 11_000
"""Points of one series in one answer; Prometheus refuses more."""
_FEWEST_POINTS = 10
_CHUNK = 256 * 1024
_ANNOTATIONS = ("PromQL info", "PromQL warning")

logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # its debug lines hold URLs with their parameters

Series = Mapping[str, Any]
Take = Callable[[list[Series]], object]


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says besides its series: why it is partial, empty where it is whole; its size in bytes; when the
    server says that it was written (unix seconds)."""

    partial: tuple[str, ...] = ()
    bytes: int = 0
    date: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The series of a matrix as the server wrote them (`metric`, `values`), and why they are not all."""

    result: list[Series] = field(default_factory=list)
    partial: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """An answer's document without the series that were handed on, its size in bytes, and its date."""

    document: Any
    bytes: int
    date: float | None


class PrometheusApi(PrometheusConnect):  # type: ignore[misc]
    """Queries that give a matrix. Blocking: call it from a thread.

    Raises BadInput for a file of `access` that cannot be used; its methods raise SourceUnavailable.
    """

    def __init__(self, options: PrometheusOptions, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._monotonic = monotonic
        self.where = options.where
        session = _session(options.access)
        super().__init__(url=options.url.rstrip("/"), session=session, retry=0, timeout=options.deadline)

    def samples(self, selector: str, at: float, take: Take) -> Told:
        """Hand the series of a range selector (`x{…}[10m]`) up to `at`, unix seconds, to `take` as they arrive."""
        return self._matrix("query", {"query": selector, "time": f"{at:.3f}"}, take)

    def evaluated(self, expression: str, start: float, end: float, step: float, take: Take) -> Told:
        """Hand the series of an expression, evaluated every `step` seconds from `start` to `end`, to `take`."""
        form = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return self._matrix("query_range", form, take)

    def range(self, expression: str, start: float, end: float, step: float) -> Iterator[Answer]:
        """The same in chunks of time, each with at most 11,000 points a series, and fewer where that is too much."""
        points = MOST_POINTS
        while start <= end:
            until = min(end, start + (points - 1) * step)
            found: list[Series] = []
            try:
                told = self.evaluated(expression, start, until, step, found.extend)
            except TooMuch:
                if points <= _FEWEST_POINTS:
                    raise
                points //= 2
                continue
            yield Answer(found, told.partial)
            start = until + step

    def names(self, start: float, end: float) -> frozenset[str]:
        """The names of all series between two instants."""
        form = {"start": f"{start:.0f}", "end": f"{end:.0f}"}
        match self._asked("GET", "label/__name__/values", form, lambda _: None).document:
            case {"data": list(names)}:
                return frozenset(str(name) for name in names)
        raise malformed(self.where)

    def _matrix(self, path: str, form: Mapping[str, str], take: Take) -> Told:
        try:
            read = self._asked(self._options.method, path, form, take)
            match read.document:
                case {"data": {"resultType": "matrix", "result": list(result)}}:
                    take(result)
                    return Told(_partial(read.document), read.bytes, read.date)
        except (LookupError, TypeError, ValueError, AttributeError):
            raise malformed(self.where) from None
        raise of_status(200, b"", {}, self.where)

    def _asked(self, method: str, path: str, form: Mapping[str, str], take: Take) -> _Read:
        """A successful answer."""
        deadline = self._monotonic() + self._options.deadline
        of_query = {"timeout": f"{self._options.deadline:g}s", **self._options.parameters}
        # Names are only told by GET, and what stands in a URL is logged on the way.
        sent = form if method == "GET" and self._options.method == "POST" else {**form, **of_query}
        headers = self._headers()
        try:
            with self._session.request(
                method,
                f"{self.url}/api/v1/{path}",
                **{"data" if method == "POST" else "params": sent},
                headers=headers,
                timeout=self._options.deadline,
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._read(response, deadline, take)
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            raise of_exception(error, self._options.deadline, self.where) from None

    def _headers(self) -> dict[str, str]:
        options = self._options
        return {**options.headers, **headers_from(options.header_files), **options.access.headers()}

    def _read(self, response: requests.Response, deadline: float, take: Take) -> _Read:
        """As it arrives: neither a slow drip nor an endless answer outlasts its limit."""
        matrix, size = Matrix(), 0
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > self._options.max_bytes:
                raise self._too_large()
            if self._monotonic() > deadline:
                raise slow(self._options.deadline, self.where)
            take(matrix.feed(chunk))
        document = matrix.rest()
        match document:
            case {"status": "success"} if response.status_code == 200:
                return _Read(document, size, _date(response.headers))
            case {"status": "error"}:
                raise of_document(document, response.status_code, response.headers, self.where)
        raise of_status(response.status_code, matrix.start, response.headers, self.where)

    def _too_large(self) -> SourceUnavailable:
        cause = f"Prometheus' answer is larger than {self._options.max_bytes // 2**20} MiB"
        return TooMuch(cause, where=self.where, hint="read recorded series, judge fewer pods, or scrape them")


def _session(access: Access) -> requests.Session:
    access.context()  # names a file that cannot be used, now instead of at the first query
    session = requests.Session()
    session.trust_env = False
    session.verify = False if access.skip_verify else str(access.ca_file) if access.ca_file else True
    if access.cert_file:
        session.cert = (str(access.cert_file), str(access.key_file)) if access.key_file else str(access.cert_file)
    return session


def _partial(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Why an answer is not whole. What PromQL remarks on the query itself is no such reason."""
    said = tuple(str(one) for one in document.get("warnings") or ())
    missing = tuple(one for one in said if not one.startswith(_ANNOTATIONS))
    return missing or (("part of the storage did not answer",) if document.get("isPartial") is True else ())


def _date(headers: Mapping[str, str]) -> float | None:
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (LookupError, TypeError, ValueError):
        return None
