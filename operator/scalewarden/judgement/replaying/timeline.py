"""Any length of time in at most `MOST` buckets: twice as wide whenever there would be more."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scalewarden.model.replayed import Bucket

MOST = 1500
"""Buckets of one service: a plot of a screen's width shows no more."""

Values = Mapping[str, float | None]
"""What is known at an instant, by the names of `Bucket`; None where it is not known."""

_LAST = ("desired", "ready")
_LEAST = ("safe",)
_LARGEST = ("fence", "autoscaler_fence", "kv_high", "waiting")
_MEAN = ("kv_mean", "running", "tokens_per_second")


@dataclass(slots=True)
class _Open:
    """A bucket that is still filled. sums: total and count of what is averaged."""

    at: float
    values: dict[str, float] = field(default_factory=dict)
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)

    def add(self, values: Values) -> None:
        for name, value in values.items():
            if value is None:
                continue
            if name in _MEAN:
                total, count = self.sums.get(name, (0.0, 0))
                self.sums[name] = (total + value, count + 1)
            else:
                self._fold(name, value)

    def merge(self, later: "_Open") -> None:
        for name, value in later.values.items():
            self._fold(name, value)
        for name, (total, count) in later.sums.items():
            own, many = self.sums.get(name, (0.0, 0))
            self.sums[name] = (own + total, many + count)

    def _fold(self, name: str, value: float) -> None:
        known = self.values.get(name, value)
        self.values[name] = value if name in _LAST else min(known, value) if name in _LEAST else max(known, value)

    def closed(self, seconds: float) -> Bucket:
        means = {name: total / count for name, (total, count) in self.sums.items()}
        found = {**dict.fromkeys((*_LAST, *_LEAST, *_LARGEST, *_MEAN)), **self.values, **means}
        return Bucket(self.at, seconds, **found)


@dataclass(slots=True)
class Timeline:
    """Fed in order of time. since: unix seconds at which the first bucket begins; seconds: how wide a bucket is."""

    since: float
    seconds: float
    _open: list[_Open] = field(default_factory=list)

    def add(self, at: float, values: Values) -> None:
        """What is known at `at` (unix seconds, not before any earlier one). See `Bucket`."""
        start = self._start(at)
        if not self._open or self._open[-1].at != start:
            self._open.append(_Open(start))
            if len(self._open) > MOST:
                self._widen()
        self._open[-1].add(values)

    def buckets(self) -> tuple[Bucket, ...]:
        """Oldest first; none where nothing was added."""
        return tuple(one.closed(self.seconds) for one in self._open)

    def _start(self, at: float) -> float:
        return self.since + (at - self.since) // self.seconds * self.seconds

    def _widen(self) -> None:
        self.seconds *= 2
        merged: list[_Open] = []
        for bucket in self._open:
            bucket.at = self._start(bucket.at)
            if merged and merged[-1].at == bucket.at:
                merged[-1].merge(bucket)
            else:
                merged.append(bucket)
        self._open = merged
