"""A service's own past as the measure of its present: what was known, and one more look at it.

Learning never changes the verdict of the evaluation that it learns from: what is learned now is used by the next one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import fsum, log2

from scalewarden.judgement.learn_look import Look, every, looks, within
from scalewarden.judgement.learn_moments import bucket_with, line_with
from scalewarden.model.baseline import BUCKETS, MOST_DAYS, MOST_SAMPLES, Bucket, Learned
from scalewarden.model.signal import Point, Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.signals import windows
from scalewarden.signals.derived import promised
from scalewarden.whatif.learned import ceiling, made, recent

PER_LOOK = 8
"""Saturated samples of one look, at most, so that a large fleet does not push out an hour's memory at once."""
DAY = 86_400.0


def learn(before: Learned | None, snapshot: Snapshot) -> Learned:
    """What is known after one more look, at most every `learnEvery` seconds. Pure; the order of replicas is nothing.

    A service that is made otherwise than before begins anew. What is absent, stale, warming or stuck teaches nothing.
    """
    now, at = made(snapshot), snapshot.at
    known = (before.of(now, at) if before else Learned(now, float(int(at)))).with_starts(snapshot.cold_starts)
    if known.updated is not None and abs(at - known.updated) < every(snapshot):
        return known
    return _Step(known, snapshot, looks(known, snapshot)).learned()


@dataclass(frozen=True, slots=True)
class _Step:
    """One look at all replicas, on what was known."""

    known: Learned
    snapshot: Snapshot
    seen: Sequence[Look]

    def learned(self) -> Learned:
        return replace(
            self.known,
            updated=self._now,
            saturated=self._saturated(),
            calm=self._calm(),
            itl=line_with(self.known.itl, self._pairs(), self._now, self._half_life),
            batches=tuple(self._batches()),
        )

    @property
    def _now(self) -> float:
        return float(int(self.snapshot.at))

    @property
    def _half_life(self) -> float:
        return self.snapshot.thresholds["learnHalfLife"]

    def _fresh(self, samples: Iterable[Point]) -> list[Point]:
        """Those that are neither forgotten nor of the future, which is a clock that was set back."""
        forget = self.snapshot.thresholds["learnForget"]
        return [one for one in samples if -every(self.snapshot) < self.snapshot.at - one.at < forget]

    def _capped(self, values: Iterable[float]) -> list[float]:
        """Beside enough known samples none counts for more than is plausible."""
        limits = self.snapshot.thresholds
        highest = ceiling(recent(self.known.saturated, self.snapshot.at, limits), limits)
        return sorted(_three_digits(min(value, highest)) for value in values)

    def _saturated(self) -> tuple[Point, ...]:
        rates = self._capped(look.rate for look in self.seen if look.rate and look.waited and look.in_time)
        samples = [*self._fresh(self.known.saturated), *(Point(self._now, rate) for rate in _spread(rates))]
        while len(samples) > MOST_SAMPLES:  # whole looks go, oldest first: a part of one would shift the percentile
            samples = [one for one in samples if one.at != samples[0].at]
        return tuple(samples)

    def _calm(self) -> tuple[Point, ...]:
        """The highest rate of each day."""
        kept = self._fresh(self.known.calm)
        rates = self._capped(look.rate for look in self.seen if look.rate) if is_calm(self.snapshot) else []
        if rates:
            day = self._now // DAY
            today = [one for one in kept if one.at // DAY == day]
            best = max([Point(self._now, rates[-1]), *today], key=lambda one: one.value)
            kept = [*(one for one in kept if one not in today), best]
        return tuple(sorted(kept)[-MOST_DAYS:])

    def _pairs(self) -> list[tuple[float, float]]:
        line, limits = self.known.itl, self.snapshot.thresholds
        usual = line is not None and line.points >= limits["learnSamples"]
        highest = max(1.0, limits["learnOutlier"]) * line.itl if line and usual else float("inf")
        return [(running, min(itl, highest)) for look in self.seen for running, itl in look.pairs]

    def _batches(self) -> list[Bucket]:
        forget = self.snapshot.thresholds["learnForget"]
        found = {one.running: one for one in self.known.batches if self.snapshot.at - one.at < forget}
        gpus = self.snapshot.workload.gpus_per_replica
        busy = [look for look in self.seen if look.busy and look.rate] if gpus else []
        for size in sorted({bucket_of(look.running) for look in busy}):
            mine = [look for look in busy if bucket_of(look.running) == size]
            rates = [self._usual(found.get(size), (look.rate or 0.0) / (gpus or 1)) for look in mine]
            found[size] = bucket_with(found.get(size), size, rates, _request(mine), self._now, self._half_life)
        return [found[size] for size in sorted(found)]

    def _usual(self, bucket: Bucket | None, rate: float) -> float:
        limits = self.snapshot.thresholds
        if bucket is None or bucket.points < limits["learnSamples"]:
            return rate
        return min(rate, max(1.0, limits["learnOutlier"]) * bucket.tps)


def is_calm(snapshot: Snapshot) -> bool:
    """No request waited anywhere for `learnEvery` seconds, and every declared latency is inside its objective."""
    limits = snapshot.thresholds
    queues = [replica.reading(SignalName.WAITING) for replica in snapshot.ready]
    gateway = snapshot.signal(SignalName.GATEWAY_WAITING)
    if isinstance(gateway, Reading):
        queues.append(gateway)
    for queue in queues:
        points = windows.span(windows.samples(queue), every(snapshot), limits).points if queue else ()
        if not points or any(point.value > 0 for point in points):
            return False
    kept = promised(snapshot.objectives)
    return all(within(snapshot.signal(name), objective, snapshot) for name, objective in kept)


def bucket_of(running: float) -> int:
    """The power of two that is nearest to a mean batch, by its logarithm."""
    power = max(0, round(log2(max(1.0, running))))
    return BUCKETS[min(len(BUCKETS) - 1, power)]


def _spread(ordered: Sequence[float]) -> list[float]:
    """All of them, or so many at even ranks, lowest and highest included."""
    last = len(ordered) - 1
    if last < PER_LOOK:
        return list(ordered)
    return [ordered[round(index * last / (PER_LOOK - 1))] for index in range(PER_LOOK)]


def _request(some: Sequence[Look]) -> tuple[float | None, float | None]:
    """Mean size of a request over the replicas that tell it."""
    inputs = sorted(size for look in some if (size := look.request[0]) is not None)
    outputs = sorted(size for look in some if (size := look.request[1]) is not None)
    return _mean(inputs), _mean(outputs)


def _mean(values: Sequence[float]) -> float | None:
    return fsum(values) / len(values) if values else None


def _three_digits(value: float) -> float:
    return float(f"{value:.3g}")
