"""A baseline from history: the same looks as at a live service, taken of series that a Prometheus kept.

For the first sight of a service, so that what a day has shown need not be waited for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from scalewarden.judgement.learn import learn
from scalewarden.judgement.learn_look import every
from scalewarden.model.baseline import Learned
from scalewarden.model.signal import Point, Reading, Signal, SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import EngineState, Replica
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.freshness import never
from scalewarden.whatif.learned import made

GAP = 2.5
"""Steps without a sample after which a pod counts as started anew."""
LATENCIES = (SignalName.TTFT_P95, SignalName.ITL_P95, SignalName.E2E_P99)

History = Mapping[SignalName, Sequence[Point]]


def learn_history(
    before: Learned | None, service: Snapshot, pods: Mapping[str, History], step: float = 60.0
) -> Learned:
    """What would be known had the service been looked at all along. Pure.

    before: what is known already; nothing older than its last look is learned again. service: the service as it is
    now, for what it is made of, its thresholds, objectives and MIG profile; its own signals are not read. pods: per
    pod the samples of each signal, oldest first, all at the same instants every `step` seconds:

        gen_tps, running, waiting, kv_usage     in their units; a step that has several samples should give the least
                                                of waiting and the largest of kv_usage
        preemptions                             increase since the step before
        itl_mean                                mean over the step, s
        input_tokens, output_tokens             mean request size, optional
        itl_p95 (and ttft_p95, e2e_p99)         needed where such an objective is declared, and only at steps with
                                                enough observations behind them

    A signal that is left out is absent, which teaches nothing, except preemptions and kv_usage where the service's
    own replicas say that their engine never exports them. A pod's first `dwell` seconds, and those after a gap, are
    left out, as after a start.
    """
    told = {pod: _Told(pod, series, step, _never(service)) for pod, series in sorted(pods.items())}
    learned = before
    for at in _instants(told.values(), before, every(service)):
        replicas = tuple(replica for one in told.values() if (replica := one.replica(at, service)) is not None)
        then = replace(
            service,
            at=at,
            replicas=replicas,
            signals=_worst(replicas),
            scrape_interval=step,
            cold_starts=(),
        )
        learned = learn(learned, then)
    return learned or Learned(made(service), float(int(service.at)))


def _never(service: Snapshot) -> dict[SignalName, Signal]:
    """What the engine never exports, as its replicas say now."""
    names = (SignalName.KV_USAGE, SignalName.PREEMPTIONS)
    found = {name: [replica.signal(name) for replica in service.ready] for name in names}
    return {name: signals[0] for name, signals in found.items() if signals and all(never(one) for one in signals)}


def _instants(told: Iterable["_Told"], before: Learned | None, seconds: float) -> Iterator[float]:
    """Every `seconds` from the first sample to the last, after what was looked at before."""
    edges = [edge for one in told for edge in one.edges]
    if not edges:
        return
    at, last = min(edges) + seconds, max(edges)
    while at <= last:
        if before is None or before.updated is None or at - before.updated >= seconds:
            yield at
        at += seconds


class _Told:
    """One pod's history."""

    def __init__(self, pod: str, series: History, step: float, never: Mapping[SignalName, Signal]) -> None:
        self._pod, self._never = pod, never
        self._series = {name: _readable(name, points) for name, points in series.items() if points}
        self._at = {name: [point.at for point in points] for name, points in self._series.items()}
        self._starts = _starts(self._at.get(SignalName.RUNNING, []), GAP * step)

    @property
    def edges(self) -> tuple[float, ...]:
        """Its first and last instant."""
        times = self._at.get(SignalName.RUNNING)
        return (times[0], times[-1]) if times else ()

    def replica(self, at: float, service: Snapshot) -> Replica | None:
        """The pod as it was at `at`; None before it was there."""
        begun = bisect_right(self._starts, at)
        if not begun:
            return None
        signals = {name: self._signal(name, at, service) for name in self._series}
        known = {**self._never, **{name: signal for name, signal in signals.items() if signal is not None}}
        return Replica(self._pod, ready_since=self._starts[begun - 1], signals=known, engine_state=EngineState.OK)

    def _signal(self, name: SignalName, at: float, service: Snapshot) -> Reading | None:
        times = self._at[name]
        low, high = bisect_left(times, at - service.window), bisect_right(times, at)
        points = self._series[name][low:high]
        if not points:
            return None
        enough = service.thresholds["latencyObservations"]
        value, newest = points[-1].value, points[-1].at
        return Reading(
            value, UNITS.get(name, Unit.COUNT), newest, f"history of {name}", newest - points[0].at, points, enough
        )


def _readable(name: SignalName, points: Sequence[Point]) -> tuple[Point, ...]:
    """Without NaN; increases as a counter from zero, which is how a live one is kept."""
    sound = [Point(float(at), float(value)) for at, value in points if value == value and abs(value) != float("inf")]
    if name is not SignalName.PREEMPTIONS:
        return tuple(sound)
    counted, total = [], 0.0
    for at, value in sound:
        total += max(0.0, value)
        counted.append(Point(at, total))
    return tuple(counted)


def _starts(times: Sequence[float], gap: float) -> list[float]:
    """When the pod began to answer, and began again after a gap (s)."""
    return [*times[:1], *(later for earlier, later in pairwise(times) if later - earlier > gap)]


def _worst(replicas: Sequence[Replica]) -> dict[SignalName, Signal]:
    """The service's latencies: the worst of its pods', absent where any of them does not say."""
    found: dict[SignalName, Signal] = {}
    for name in LATENCIES:
        readings = [replica.reading(name) for replica in replicas]
        known = [reading for reading in readings if reading is not None]
        if known and len(known) == len(readings):
            found[name] = max(known, key=lambda one: one.value)
    return found
