"""Where Prometheus is and how it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from scalewarden.errors import BadInput
from scalewarden.signals import gpus
from scalewarden.signals.engines import custom
from scalewarden.signals.names import BESIDE_RECORDED, ENGINE, GATEWAY, RECORDED, WANTED
from scalewarden.sources.tls import Access
from scalewarden.sources.window import Bounds

QUERY_LIMITS = {"POST": 16_000, "GET": 6_000}
"""Bytes of a query: VictoriaMetrics takes 16 KiB unless told otherwise, proxies take URLs of 8 KiB."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names of the series that are asked for: raw ones, or recorded ones that stand for them.

    engine: of the pods' own pages, gateways and Triton's own GPU series among them. exporter: of GPU exporters. Fewer
    make a cheaper query.
    """

    engine: frozenset[str] = (ENGINE - custom.NAMES) | GATEWAY | gpus.OWN
    exporter: frozenset[str] = WANTED - ENGINE - GATEWAY - gpus.OWN

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.engine | self.exporter

    def known_to(self, names: frozenset[str]) -> "Wanted":
        """Those among them that a server has."""
        return Wanted(self.engine & names, self.exporter & names)


EVERYTHING = Wanted()

RECORDED_ONLY = Wanted(engine=RECORDED | BESIDE_RECORDED | GATEWAY | gpus.OWN)
"""What recording rules made of the engines' series (examples/prometheus), and what no rule can record."""


@dataclass(frozen=True, slots=True)
class PrometheusOptions:
    """How Prometheus, or what speaks like it, is asked.

    url: as for its web page, with any path prefix. headers, header_files: sent along, such as a tenant; files are read
    anew for each query. parameters: sent along with each query, such as Thanos' `dedup`. method: GET where POST is not
    taken. matchers: labels that every series must carry, such as the cluster. deadline: seconds for one answer.
    max_bytes: size of one answer, decompressed. max_query: bytes of one query. namespace_label, pod_label: what scrape
    jobs call them. bounds: how much of a target is kept. overlap: seconds that are asked again for samples that arrive
    late. step: seconds between two evaluations, where a query is one that must be evaluated. history_batch: how many
    pods' whole windows are fetched at first; history_bytes: the size of answer that it is then fitted to.
    """

    url: str = field(repr=False)
    access: Access = Access()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    header_files: Mapping[str, Path] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: Literal["POST", "GET"] = "POST"
    matchers: Mapping[str, str] = field(default_factory=dict)
    deadline: float = 10.0
    max_bytes: int = 128 * 2**20
    max_query: int | None = None
    namespace_label: str = "namespace"
    pod_label: str = "pod"
    bounds: Bounds = Bounds()
    overlap: float = 60.0
    step: float = 15.0
    history_batch: int = 50
    history_bytes: int = 32 * 2**20
    wanted: Wanted = EVERYTHING

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = self.url.rpartition("@")[2]
            raise BadInput(f"{shown!r} is not an http or https URL", hint="such as http://prometheus.monitoring:9090")
        names = [*self.headers, *self.header_files, *(["Authorization"] if self.authorizes else [])]
        twice = {name for name in names if [other.lower() for other in names].count(name.lower()) > 1}
        if twice:
            raise BadInput(f"the header {min(twice)} is given twice", hint="give it once")

    @property
    def authorizes(self) -> bool:
        """True when the credentials make an Authorization header."""
        return bool(self.access.token_file or self.access.username)

    @property
    def longest(self) -> int:
        """Bytes that one query may take."""
        return self.max_query or QUERY_LIMITS[self.method]

    @property
    def where(self) -> str:
        """The URL for messages, without user and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
