"""Series kept in memory and answered over HTTP as Prometheus answers the selectors that we ask, to the letter."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from scalewarden.model.signal import Absent
from scalewarden.signals.sample import Scrape
from scalewarden.sources.base import Collected, PodEndpoint, PodKey
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_options import PrometheusOptions
from tests.unit.sources.loopback import Answer, http_server

NOW = 1_766_370_000.0
RUNNING = "vllm:num_requests_running"
Values = list[tuple[float, str]]


def endpoint(pod: str = "llama-0", ip: str = "10.0.0.1", **other: Any) -> PodEndpoint:
    return PodEndpoint("serving", pod, "gpu-1", ip, 8000, **other)


def key(pod: str = "llama-0") -> PodKey:
    return PodKey("serving", pod)


def every(seconds: float, since: float, until: float, value: str = "3") -> Values:
    count = int((until - since) / seconds) + 1
    return [(NOW + since + seconds * step, value) for step in range(count)]


@dataclass
class Store:
    """Series and how to answer; understands the two selectors that are asked, to the letter."""

    series: list[tuple[dict[str, str], Values]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    asked: list[tuple[dict[str, str], float, float]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    cpu: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, values: Values, pod: str = "llama-0", **labels: str) -> None:
        target = {"__name__": name, "namespace": "serving", "pod": pod, "job": "pods", "instance": "10.0.0.1:8000"}
        self.series.append(({label: text for label, text in {**target, **labels}.items() if text}, values))

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/api/v1/label/__name__/values":
            names = sorted({metric["__name__"] for metric, _ in self.series})
            return web.json_response({"status": "success", "data": names})
        assert request.method == "POST" and request.path == "/api/v1/query" and not request.query_string
        form = await request.post()
        found = re.fullmatch(r"\{(.*)\}\[(\d+)s\]", str(form["query"]))
        assert found
        of_cpu = "container_cpu" in str(form["query"])  # the kubelets' rows, asked for apart and counted apart
        self.cpu += of_cpu
        self.texts += [] if of_cpu else [str(form["query"])]
        matchers = {
            one: json.loads(f'"{text}"') if how == "=~" else ".+" if how == "!=" else re.escape(json.loads(f'"{text}"'))
            for one, how, text in re.findall(r'(\w+)(=~|!=|=)"((?:[^"\\]|\\.)*)"', found[1])
        }
        seconds, at = float(found[2]), float(str(form["time"]))
        self.asked += [] if of_cpu else [(matchers, seconds, at)]
        return web.json_response(self._matrix(matchers, seconds, at))

    def _matrix(self, matchers: Mapping[str, str], seconds: float, at: float) -> dict[str, Any]:
        result = []
        for metric, values in self.series:
            inside = [value for value in values if at - seconds < value[0] <= at]
            if inside and all(re.fullmatch(pattern, metric.get(one, "")) for one, pattern in matchers.items()):
                result.append({"metric": metric, "values": inside})
        body: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return {**body, **self.more, **({"warnings": self.warnings} if self.warnings else {})}

    @property
    def seconds(self) -> list[float]:
        """The length of every range asked for since the last look."""
        lengths = sorted(seconds for _, seconds, _ in self.asked)
        self.asked.clear()
        return lengths


def source_of(port: int, **options: Any) -> PrometheusSource:
    return PrometheusSource(PrometheusOptions(**{"url": f"http://127.0.0.1:{port}/", **options}))


async def once(answer: Answer, *endpoints: PodEndpoint, now: float = NOW, **options: Any) -> Collected:
    async with http_server(answer) as port:
        source = source_of(port, **options)
        try:
            return await source.collect(endpoints or (endpoint(),), now)
        finally:
            await source.close()


def window(collected: Collected, pod: PodKey | None = None) -> tuple[Scrape, ...]:
    series = collected.scrapes[pod or key()]
    assert not isinstance(series, Absent), series
    return series
