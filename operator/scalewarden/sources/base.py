"""What every live metrics source takes and gives: endpoints in, windows of raw scrapes with named causes out.

A source never invents a number. A pod without data is `Absent` with a stable cause; a pod that answered before
keeps its window when it stops answering, and the age of the samples decides what may still be judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from scalewarden.errors import SourceError
from scalewarden.model.signal import Absent, SignalName
from scalewarden.signals.gpus.table import ExporterKind
from scalewarden.signals.sample import Scrape


class PodKey(NamedTuple):
    """Which pod; equal to the plain tuple `(namespace, pod)`."""

    namespace: str
    pod: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}" if self.namespace else self.pod


@dataclass(frozen=True, slots=True)
class PodEndpoint:
    """Where one pod serves its metrics page.

    ip is the pod's own address: a Service address would answer from any replica. restarted_at is the start of
    its container in unix seconds, None when unknown; a source carries it along, counters are judged with it.
    kind: an inference engine's pod, which GPU exporter it is, whose page covers the pods of its node, or a gateway in
    front of engines. uid and created_at (unix seconds) tell a pod from an earlier one of its name, whose series it does
    not continue; empty and None when unknown. also: series to be read beside those that Scalewarden knows.
    """

    namespace: str
    pod: str
    node: str
    ip: str
    port: int
    path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    restarted_at: float | None = None
    kind: Literal["engine", "gateway"] | ExporterKind = "engine"
    uid: str = ""
    created_at: float | None = None
    also: frozenset[str] = frozenset()

    @property
    def key(self) -> PodKey:
        """Namespace and name of the pod."""
        return PodKey(self.namespace, self.pod)

    @property
    def exporter(self) -> bool:
        """True where the page is about other pods."""
        return self.kind not in ("engine", "gateway")

    @property
    def address(self) -> str:
        """`ip:port`, an IPv6 address in brackets; what Prometheus writes as `instance`."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def url(self) -> str:
        """The page's address, for messages."""
        return f"{self.scheme}://{self.address}{self.path}"


class CustomKey(NamedTuple):
    """One custom query: the InferenceDeployment's namespace and name, and the canonical signal that it gives."""

    namespace: str
    name: str
    signal: SignalName

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}/{self.signal}"


@dataclass(frozen=True, slots=True)
class CustomQuery:
    """A user's own PromQL for one signal, one value a pod by the label `pod`; pods: those it may speak about."""

    key: CustomKey
    promql: str
    pods: frozenset[PodKey]


Series = tuple[Scrape, ...] | Absent


def absent_of(problem: SourceError) -> Absent:
    """The problem as the cause of an absence, with what to do about it."""
    return Absent(f"{problem.message}: {problem.hint}" if problem.hint else problem.message)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a source knows at the end of one collection.

    at: unix seconds; no scrape is newer. Judge at this instant or later.
    scrapes: by (namespace, pod), for every endpoint its window of scrapes, oldest first, or why there is none; plus
    exporters that the source found by itself. problems: what went wrong in *this* collection for an endpoint, also
    where an older window still stands. problem: what went wrong with the source as a whole (down, partial answer).
    exporters: which keys of `scrapes` are GPU exporters. cpu: by (namespace, pod), the kubelet's CPU rows of the pods,
    from a source that has them. refused: custom queries that give nothing, and why; the others' values are gauges on
    the pods' scrapes, named `scalewarden_custom:<signal>`.
    """

    at: float
    scrapes: Mapping[tuple[str, str], Series]
    problems: Mapping[tuple[str, str], SourceError] = field(default_factory=dict)
    problem: SourceError | None = None
    exporters: frozenset[PodKey] = frozenset()
    cpu: Mapping[tuple[str, str], Series] = field(default_factory=dict)
    refused: Mapping[CustomKey, Absent] = field(default_factory=dict)

    @property
    def exporter_scrapes(self) -> Mapping[str, Series]:
        """Windows of the GPU exporters by `namespace/pod` (or address, for one that is not a known pod)."""
        return {str(key): self.scrapes[key] for key in sorted(self.exporters)}


class MetricsSource(Protocol):
    """A live source of scrapes. Built outside a running loop or inside one; used inside."""

    async def collect(
        self, endpoints: Sequence[PodEndpoint], now: float, custom: Sequence[CustomQuery] = ()
    ) -> Collected:
        """Refresh and return the windows of `endpoints`; `now` is unix seconds. Pods and queries not listed are
        forgotten.

        Raises nothing for a pod or server that misbehaves: that is in `problems` and `problem`.
        """
        ...

    async def close(self) -> None:
        """Release connections and threads."""
        ...
