"""What was learned of one service from its own past: bounded, and the same before and after a restart.

Speeds of inference differ by 5-20 times with request lengths, model and GPU, so no absolute number means anything: a
service is compared with itself. All instants are unix seconds, all speeds tokens/s. As `status.baseline` it takes at
most `LARGEST` bytes of JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

from pydantic import TypeAdapter

from scalewarden.model.fingerprint import Fingerprint, short
from scalewarden.model.signal import Point

LARGEST = 4096
"""Bytes of JSON that a baseline takes in a status, at most."""
MOST_SAMPLES = 48
"""Saturated samples that are kept: enough for a 90th percentile that one sample does not move much."""
MOST_DAYS = 8
"""Days whose highest calm rate is kept."""
MOST_STARTS = 5
"""Cold starts that are kept."""
BUCKETS: tuple[int, ...] = tuple(1 << power for power in range(11))
"""Running requests per replica that tokens/s is told apart by: 1, 2, 4 … 1024."""


class ColdStart(NamedTuple):
    """One replica's way to its first request: created at (unix seconds), seconds until ready, and which pod it was."""

    created_at: float
    seconds: float
    pod: str


@dataclass(frozen=True, slots=True)
class Line:
    """The least-squares line ITL = intercept + slope · running, kept as moments that forget.

    at: newest pair. points: pairs behind it, older ones counting less. running and itl (s) are means, var_running,
    var_itl and cov the (co)variances around them. low and high: smallest and largest batch that is remembered.
    """

    at: float
    points: float
    running: float
    itl: float
    var_running: float
    var_itl: float
    cov: float
    low: float
    high: float

    @property
    def slope(self) -> float:
        """Seconds of ITL that one more running request costs; 0.0 where every batch was the same."""
        return self.cov / self.var_running if self.var_running > 0 else 0.0

    @property
    def intercept(self) -> float:
        """Seconds of ITL at an empty batch."""
        return self.itl - self.slope * self.running

    @property
    def deviation(self) -> float:
        """Standard deviation (s) of ITL around the line."""
        unexplained = self.var_itl - self.slope * self.cov
        return float(max(0.0, unexplained) ** 0.5)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens/s per GPU (a slice counts as one) at about `running` requests per replica.

    at: newest sample. points: samples behind it, older ones counting less. tps is the mean and deviation the standard
    deviation, tokens/s per GPU. input and output: mean tokens of a request at the time, None where not known.
    """

    running: int
    at: float
    points: float
    tps: float
    deviation: float
    input: float | None = None
    output: float | None = None

    @property
    def high(self) -> float:
        """About the 90th percentile of tokens/s per GPU, as of a normal distribution."""
        return self.tps + 1.28 * self.deviation


@dataclass(frozen=True, slots=True)
class LowerSize:
    """What a full replica gave at a lower tensor-parallel size, before the service was made as it is now.

    parallel: that size. at: newest sample. tps: tokens/s per GPU while requests waited. input and output: mean tokens
    of a request at the time.
    """

    parallel: int
    at: float
    tps: float
    input: float | None = None
    output: float | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """since: when learning began. updated: when samples were last taken, None before the first time.

    changed_at: when the service was last seen to have another make, None where it never was. saturated: tokens/s of a
    replica while requests waited throughout, oldest first. calm: per day the highest tokens/s of a replica while none
    waited, at the instant it was seen. itl: inter-token latency over running requests. batches: tokens/s per GPU by
    running requests, ascending. cold_starts: those of the newest replicas, oldest first. lower: what was learned at
    a lower tensor-parallel size, None where there was none.
    """

    fingerprint: Fingerprint
    since: float
    updated: float | None = None
    changed_at: float | None = None
    saturated: tuple[Point, ...] = ()
    calm: tuple[Point, ...] = ()
    itl: Line | None = None
    batches: tuple[Bucket, ...] = ()
    cold_starts: tuple[ColdStart, ...] = ()
    lower: LowerSize | None = None

    def of(self, now: Fingerprint, at: float) -> "Learned":
        """What still holds for a service that is made like `now` at `at`: a reset forgets all, a change all but how
        long replicas take to start."""
        if not self.fingerprint.differs(now):
            return replace(self, fingerprint=self.fingerprint.merged(now))
        since = float(int(at))
        if self.fingerprint.resets(now):
            return Learned(now, since)
        kept = replace(now, reset=now.reset or self.fingerprint.reset)
        return Learned(kept, since, changed_at=since, cold_starts=self.cold_starts, lower=self._lower(now))

    def _lower(self, now: Fingerprint) -> LowerSize | None:
        """What is still to be compared with once the service is made like `now`: the same engine and GPUs, split over
        fewer of them."""
        was = self.fingerprint
        same = (was.engine, was.image, was.products, was.mig_profile) == (
            now.engine, now.image, now.products or was.products, now.mig_profile
        )  # fmt: skip
        if not same or now.parallel is None:
            return None
        mine = self._own_speed()
        found = [one for one in (mine, self.lower) if one is not None and one.parallel < now.parallel]
        return max(found, key=lambda one: one.tps, default=None)

    def _own_speed(self) -> LowerSize | None:
        """Per GPU while full: the median of the saturated samples, with the request sizes of the fullest bucket."""
        gpus, parallel, fullest = self.fingerprint.gpus, self.fingerprint.parallel or 1, self.batches[-1:]
        if not gpus or not self.saturated or not fullest:
            return None
        speed = median(point.value for point in self.saturated) / gpus
        return LowerSize(parallel, self.saturated[-1].at, round(speed, 1), fullest[0].input, fullest[0].output)

    @property
    def slowest_start(self) -> float | None:
        """Seconds of the slowest of the newest starts; None where none was seen."""
        return max((start.seconds for start in self.cold_starts), default=None)

    def with_starts(self, seen: Iterable[ColdStart]) -> "Learned":
        """With the newest starts of those known and those seen now; what was known first of a pod stands: when it
        turns ready again later, that is no start."""
        named = (start._replace(pod=short(start.pod), seconds=round(start.seconds, 1)) for start in seen)
        found = {(start.created_at, start.pod): start for start in (*named, *self.cold_starts)}
        return replace(self, cold_starts=tuple(sorted(found.values())[-MOST_STARTS:]))


_ADAPTER: TypeAdapter[Learned] = TypeAdapter(Learned)


def to_json(learned: Learned) -> bytes:
    """As JSON; `from_json` gives back an equal one."""
    return _ADAPTER.dump_json(learned)


def from_json(text: bytes | str) -> Learned:
    """Read what `to_json` wrote. Raises pydantic.ValidationError on anything else."""
    return _ADAPTER.validate_json(text)
