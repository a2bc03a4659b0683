"""A past of a service, played on the replica model: what a Prometheus that was there would have kept of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from scalewarden.signals.names import WANTED
from tools.fleet import FleetModel, FleetSpec
from tools.fleet.exposition import vllm_page

EVERY = 15.0
"""Seconds between two scrapes."""
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")


_SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""Characters of names that Kubernetes makes up."""


def _made_up(number: int) -> str:
    """The five characters at the end of a pod's name, in the order of the numbers."""
    text = ""
    for _ in range(5):
        number, digit = divmod(number, len(_SAFE))
        text = _SAFE[digit] + text
    return text


@dataclass
class Story:
    """Deployment `name` in `namespace`, from `began` (unix seconds) on. lines: as Prometheus' text format, with time
    stamps. told: with what kube-state-metrics would have said. buckets: with the histograms' buckets."""

    spec: FleetSpec
    replicas: int
    began: float
    name: str = "chat"
    namespace: str = "serving"
    told: bool = True
    buckets: bool = False
    lines: list[str] = field(default_factory=list)
    decreases: list[tuple[float, int, int]] = field(default_factory=list)
    _born: int = 0

    def __post_init__(self) -> None:
        self.model, self.at = FleetModel(self.spec), self.began
        for _ in range(self.replicas):
            self._add(warm_up=0.0)
        self.model.advance(600.0)  # so that it begins steady

    def run(self, seconds: float, users: int | None = None) -> Story:
        """Let time pass, scraped every `EVERY`."""
        if users is not None:
            self.model.set_users(users)
        for _ in range(int(seconds / EVERY)):
            self.model.advance(EVERY)
            self.at += EVERY
            self.lines += self._scrape()
        return self

    def scale(self, to: int) -> Story:
        """Add or remove replicas, the youngest first."""
        before = len(self.model.replicas)
        if to < before:
            self.decreases.append((self.at, before, to))
        while len(self.model.replicas) > to:
            self.model.remove(max(self.model.replicas, key=lambda name: [_SAFE.index(char) for char in name[-5:]]))
        while len(self.model.replicas) < to:
            self._add(warm_up=20.0)
        return self

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def _add(self, warm_up: float) -> None:
        self._born += 1
        self.model.add(f"{self.name}-7d9c5b6f4d-{_made_up(self._born)}", warm_up)

    def _scrape(self) -> Iterator[str]:
        stamp = int(self.at * 1000)
        for name, replica in sorted(self.model.replicas.items()):
            pod = f'namespace="{self.namespace}",pod="{name}",job="engines",instance="{name}:8000"'
            for line in vllm_page(replica, self.began, 0.0).splitlines():
                found = _LINE.fullmatch(line)
                if found and found[1] in WANTED and (self.buckets or not found[1].endswith("_bucket")):
                    labels = ",".join(one for one in (pod, found[2]) if one)
                    yield f"{found[1]}{{{labels}}} {found[3]} {stamp}"
            yield f"up{{{pod}}} 1 {stamp}"
            if self.told:
                ready = f'namespace="{self.namespace}",pod="{name}",condition="true",job="ksm",instance="ksm:8080"'
                yield f"kube_pod_status_ready{{{ready}}} {int(replica.ready)} {stamp}"
        yield f'up{{job="nodes",instance="node-1:9100"}} 1 {stamp}'
        if self.told:
            of = f'namespace="{self.namespace}",deployment="{self.name}",job="ksm",instance="ksm:8080"'
            yield f"kube_deployment_spec_replicas{{{of}}} {len(self.model.replicas)} {stamp}"


def busy_day(began: float, **more: object) -> Story:
    """A decrease that hurts and is taken back, one that is fine, and one that is refused for nothing: a burst that had
    just ended."""
    story = Story(
        FleetSpec("chat", users=34, kv_capacity_tokens=8160, output_tokens=(100, 300), seed=7), 4, began, **more
    )  # type: ignore[arg-type]
    story.run(1200)
    story.scale(2).run(900)
    story.scale(4).run(1500)
    story.run(1500, users=6).scale(3).run(1500)
    story.run(300, users=40).run(240, users=4).scale(2).run(1800)
    return story


def quiet_night(began: float) -> Story:
    """Nobody comes any more, and both replicas go, without anybody to tell the wanted count."""
    story = Story(FleetSpec("chat", users=10, kv_capacity_tokens=8160, output_tokens=(100, 300), seed=7), 2, began)
    story.told = False
    return story.run(1200).run(1200, users=0).scale(0).run(900)
