"""A cumulative histogram that can count one value many times at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.utils import floatToGoString

# vLLM's bucket bounds: seconds for requests, first token and inter-token gap; tokens for steps.
REQUEST = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
FIRST_TOKEN = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80),
    *(160, 640, 2560),
)
INTER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
STEP_TOKENS = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
CHOICES = (1, 2, 5, 10, 20)
PREEMPTIONS = (1, 2, 3, 4, 5, 10, 20)


def length_buckets(longest: int) -> tuple[float, ...]:
    """1, 2, 5, 10, 20, 50 … up to the longest context in tokens."""
    powers = (10**exponent for exponent in range(len(str(longest))))
    return tuple(step * power for power in powers for step in (1, 2, 5) if step * power <= longest)


def _le(bound: float) -> str:
    written: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
    return written


class Histogram:
    """Counts per bucket and the sum of all values."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count ``value`` ``times`` times; a value on a bound belongs to that bound's bucket."""
        self._counts[bisect_left(self._bounds, value)] += times
        self.total += value * times

    @property
    def count(self) -> int:
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, float]]:
        """(``le`` as Prometheus writes it, cumulative count), ending with ``+Inf``."""
        bounds = (*self._bounds, float("inf"))
        cumulative = accumulate(self._counts)
        return [(_le(bound), float(count)) for bound, count in zip(bounds, cumulative, strict=True)]

    def quantile(self, share: float) -> float:
        """The upper bound of the bucket that holds the given share of the observations; NaN when empty."""
        target = share * self.count
        if target == 0:
            return float("nan")
        for bound, cumulative in zip(self._bounds, accumulate(self._counts), strict=False):
            if cumulative >= target:
                return float(bound)
        return float("inf")
