"""One question to Prometheus' HTTP API, with every failure named.

Built on prometheus-api-client, with what a control loop cannot do without: a deadline over connecting and reading, no
retries, no redirects, nothing from the environment (proxies, .netrc), the query in the body of a POST, a size limit,
and the warnings of the answer, which tell a partial answer from a whole one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from prometheus_api_client import PrometheusConnect
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from scalewarden.errors import BadInput, SourceUnavailable
from scalewarden.sources.tls import Access
from scalewarden.sources.window import Bounds

_CHUNK = 256 * 1024
_URL_HINT = "check the URL, and any login page or proxy on the way"
_STATUS_HINTS = {
    401: "give a token or password that Prometheus accepts",
    403: "give a token or password that Prometheus accepts",
    404: "check the URL, with its path prefix if there is one",
}


@dataclass(frozen=True, slots=True)
class PrometheusOptions:
    """Where Prometheus is and how it is asked.

    url: as for its web page, with any path prefix. headers: sent along, such as a tenant. deadline: seconds for one
    answer. max_bytes: size of one answer, decompressed. namespace_label, pod_label: what scrape jobs call them.
    bounds: how much of a target is kept. overlap: seconds that are asked again for samples that arrive late.
    history_batch: how many pods' whole windows are fetched at once.
    """

    url: str
    access: Access = Access()
    headers: Mapping[str, str] = field(default_factory=dict)
    deadline: float = 10.0
    max_bytes: int = 128 * 2**20
    namespace_label: str = "namespace"
    pod_label: str = "pod"
    bounds: Bounds = Bounds()
    overlap: float = 60.0
    history_batch: int = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """A matrix as Prometheus wrote it (`metric`, `values`), and its warnings."""

    result: list[dict[str, Any]]
    warnings: tuple[str, ...] = ()


class PrometheusApi(PrometheusConnect):  # type: ignore[misc]
    """Instant queries that give raw samples. Blocking: call it from a thread.

    Raises BadInput for a URL that is none and for a file of `access` that cannot be used.
    """

    def __init__(self, options: PrometheusOptions, monotonic: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(options.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(
                f"{options.url!r} is not an http or https URL", hint="such as http://prometheus.monitoring:9090"
            )
        self._options = options
        self._monotonic = monotonic
        super().__init__(
            url=options.url.rstrip("/"), session=_session(options.access), retry=0, timeout=options.deadline
        )
        self.where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    def samples(self, selector: str, at: float) -> Answer:
        """The raw samples of a range selector (`x{…}[10m]`) up to `at`, unix seconds. Raises SourceUnavailable."""
        deadline = self._monotonic() + self._options.deadline
        try:
            with self._session.post(
                f"{self.url}/api/v1/query",
                data={"query": selector, "time": f"{at:.3f}", "timeout": f"{self._options.deadline:g}s"},
                headers={**self._options.headers, **self._options.access.headers()},
                timeout=self._options.deadline,
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._answer(response.status_code, self._body(response, deadline))
        except (requests.RequestException, HTTPError, OSError) as error:
            cause, hint = _explain(error, self._options.deadline)
            raise self._refused(cause, hint) from error

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """Read as it arrives: neither a slow drip nor an endless answer outlasts its limit."""
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._options.max_bytes:
                raise self._refused(
                    f"its answer is larger than {self._options.max_bytes // 2**20} MiB",
                    "judge fewer pods, or scrape them",
                )
            if self._monotonic() > deadline:
                raise self._refused(*_slow(self._options.deadline))
        return bytes(body)

    def _answer(self, status: int, body: bytes) -> Answer:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        match document:
            case {"status": "success", "data": {"resultType": "matrix", "result": list(result)}} if status == 200:
                return Answer(result, tuple(document.get("warnings") or ()))
            case {"status": "error", "errorType": str(kind), "error": str(text)}:
                raise self._refused(f"refuses the query ({kind})", " ".join(text.split())[:200])
        raise self._refused(*_no_answer(status, body))

    def _refused(self, cause: str, hint: str) -> SourceUnavailable:
        return SourceUnavailable(f"Prometheus {cause}", where=self.where, hint=hint)


def _session(access: Access) -> requests.Session:
    access.context()  # names a file that cannot be used, now instead of at the first query
    session = requests.Session()
    session.trust_env = False
    session.verify = False if access.skip_verify else str(access.ca_file) if access.ca_file else True
    if access.cert_file:
        session.cert = (str(access.cert_file), str(access.key_file)) if access.key_file else str(access.cert_file)
    return session


def _no_answer(status: int, body: bytes) -> tuple[str, str]:
    """Cause and hint for an answer that is not the API's JSON."""
    if 300 <= status < 400:
        return f"redirects (HTTP {status}), which is not followed", "give the final URL"
    if status != 200:
        return f"answers HTTP {status}", _STATUS_HINTS.get(status, "see Prometheus' log")
    if body[:256].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "answers HTML, not JSON", _URL_HINT
    return "answers something that is not the query API's JSON", _URL_HINT


def _slow(deadline: float) -> tuple[str, str]:
    return f"did not answer within {deadline:g} s", "see whether Prometheus is overloaded"


def _explain(error: Exception, deadline: float) -> tuple[str, str]:
    """Cause and hint for what the client library raised; most specific first."""
    chain = _chain(error)
    if any(isinstance(one, requests.Timeout | ReadTimeoutError | TimeoutError) for one in chain):
        return _slow(deadline)
    if any(isinstance(one, requests.exceptions.SSLError) for one in chain):
        return "presents no TLS certificate that is trusted", "give its CA file, or check the URL's scheme"
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
