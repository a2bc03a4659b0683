"""All facts of one InferenceDeployment at one instant, and what is remembered of the instants before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import TypeAdapter

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.baseline import ColdStart, Learned
from scalewarden.model.diagnosis import Regime
from scalewarden.model.intent import Intent
from scalewarden.model.policy import Objectives
from scalewarden.model.regret import Refused, Regret
from scalewarden.model.signal import Point, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.topology import Interconnect
from scalewarden.model.verdict import Reason, Test
from scalewarden.model.workload import NEVER_READ, Engine, Replica, Routing, Target, Workload


@dataclass(frozen=True, slots=True)
class Removed:
    """A replica that left: its last signals stay in the sums for a while. `at` is unix seconds."""

    replica: Replica
    at: float


@dataclass(frozen=True, slots=True)
class DenyMemory:
    """The last Deny that rested on fresh evidence: nobody below `replicas` until `expires_at` (unix seconds)."""

    replicas: int
    reason: Reason
    test: Test
    expires_at: float


class Pair(NamedTuple):
    """At one instant (unix seconds): utilization (fraction) and mean inter-token latency (s)."""

    at: float
    utilization: float
    latency: float


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """The regime that is told, and since when it was seen without a break (unix seconds).

    rival: what the table gives instead, if it does, since rival_since; away_since: since when it gives anything else.
    """

    regime: Regime
    since: float
    rival: Regime | None = None
    rival_since: float | None = None
    away_since: float | None = None


@dataclass(frozen=True, slots=True)
class ScaleUp:
    """Replicas that were added: `from_` → `to` ready ones, the last of them ready at `at` (unix seconds).

    tokens_before: mean tokens/s of all replicas before it; waiting_before: the longest queue then (requests); None
    where they were not known.
    """

    at: float
    from_: int
    to: int
    tokens_before: float | None
    waiting_before: float | None


@dataclass(frozen=True, slots=True)
class History:
    """What earlier evaluations leave behind, all times in unix seconds.

    since: when the record begins. safe_counts: (at, smallest count that passed every test then).
    kv_denied: replica count → when a Deny for its KV prediction was last raised or renewed.
    last_ready: the replicas that served at the previous evaluation; removed: those that left since, while the
    ready count fell. wanted: (at, desired count) of the last `afterFall` seconds.
    last_deny: the floor that was last refused on evidence, kept while signals are missing.
    missing_since / stuck_since: when that state began, None while it does not hold.
    signals_good_since: since when required signals have been good, None while they are not.
    most_ready: the most replicas that served since the desired count last fell. scale_up: the newest one.
    diagnosed: what was last said to bound the service. regret: what became of removals and refusals; refused: the
    newest refusal that admission gave. pairs: utilization beside latency of all replicas, one a minute, over the last
    `correlationSpan`.
    """

    since: float
    safe_counts: tuple[Point, ...] = ()
    kv_denied: Mapping[int, float] = field(default_factory=dict)
    last_ready: tuple[Replica, ...] = ()
    removed: tuple[Removed, ...] = ()
    wanted: tuple[Point, ...] = ()
    last_deny: DenyMemory | None = None
    missing_since: float | None = None
    signals_good_since: float | None = None
    stuck_since: float | None = None
    most_ready: int | None = None
    scale_up: ScaleUp | None = None
    diagnosed: Diagnosed | None = None
    regret: Regret | None = None
    refused: Refused | None = None
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One service at one instant; the clock of every judgement is `at` (unix seconds).

    replicas_desired is the target's spec.replicas. replicas holds every pod of the target, ready or not.
    signals are service-wide (latency quantiles over summed buckets, gateway queue, total tokens/s).
    cold_start is the measured time (s) from a pod's creation to ready, None where never seen.
    cold_starts are those that its pods show now. sustainable_tps is tokens/s one replica can sustain, declared or
    learned (sustainable_learned). learned is what earlier evaluations learned of this service. history is None offline.
    window and scrape_interval are in seconds. intent is the change being judged, if any. interconnect is the link
    between the GPUs of a replica.
    """

    name: str
    namespace: str
    at: float
    target: Target
    replicas_desired: int
    replicas: tuple[Replica, ...] = ()
    engine: Engine = Engine.UNKNOWN
    workload: Workload = Workload()
    autoscalers: tuple[Autoscaler, ...] = ()
    signals: Mapping[SignalName, Signal] = field(default_factory=dict)
    routing: Routing = Routing.EVEN
    objectives: Objectives = Objectives()
    thresholds: Thresholds = Thresholds()
    window: float = 600.0
    scrape_interval: float = 15.0
    cold_start: float | None = None
    cold_starts: tuple[ColdStart, ...] = ()
    sustainable_tps: float | None = None
    sustainable_learned: bool = False
    learned: Learned | None = None
    intent: Intent | None = None
    history: History | None = None
    interconnect: Interconnect = Interconnect()

    @property
    def ready(self) -> tuple[Replica, ...]:
        """The replicas that serve."""
        return tuple(replica for replica in self.replicas if replica.ready)

    @property
    def key(self) -> str:
        """`<namespace>/<name>` of the InferenceDeployment."""
        return f"{self.namespace}/{self.name}"

    def signal(self, name: SignalName) -> Signal:
        """The service-wide signal, or Absent with a cause."""
        return self.signals.get(name, NEVER_READ)


_ADAPTER: TypeAdapter[Snapshot] = TypeAdapter(Snapshot)


def to_json(snapshot: Snapshot) -> bytes:
    """The snapshot as JSON; `from_json` gives back an equal one."""
    return _ADAPTER.dump_json(snapshot)


def from_json(text: bytes | str) -> Snapshot:
    """Read what `to_json` wrote. Raises pydantic.ValidationError on anything else."""
    return _ADAPTER.validate_json(text)
