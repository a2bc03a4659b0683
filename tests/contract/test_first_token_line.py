"""Why TTFT is not predicted over prompt tokens/s: on a real server, without a queue, it does not depend on them."""

from collections.abc import Iterator
from itertools import pairwise
from math import fsum, sqrt
from pathlib import Path
from statistics import fmean, linear_regression
from typing import NamedTuple

import pytest

from scalewarden.model.signal import Absent
from scalewarden.signals.sample import Scrape
from scalewarden.sources.recording import load

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"


class Interval(NamedTuple):
    """Prompt tokens/s, mean prompt size (tokens) and mean TTFT (s) between two scrapes."""

    rate: float
    size: float
    ttft: float


def total(scrape: Scrape, name: str) -> float:
    return fsum(sample.value for sample in scrape.named(f"vllm:{name}"))


def intervals(name: str) -> Iterator[Interval]:
    """Those in which a first token came and nothing waited, without each replica's first: all clients start in it."""
    for series in load(RECORDINGS / name).scrapes.values():
        assert not isinstance(series, Absent)
        for one, other in list(pairwise(series))[1:]:
            waits = total(one, "num_requests_waiting") + total(other, "num_requests_waiting")
            firsts, seconds, tokens = (
                total(other, part) - total(one, part)
                for part in (
                    "time_to_first_token_seconds_count",
                    "time_to_first_token_seconds_sum",
                    "prompt_tokens_total",
                )
            )
            if firsts > 0 and not waits:
                yield Interval(tokens / (other.at - one.at), tokens / firsts, seconds / firsts)


def beside(values: list[float], other: list[float]) -> list[float]:
    """What a line over `other` leaves of some values."""
    slope, level = linear_regression(other, values)
    return [value - level - slope * x for value, x in zip(values, other, strict=True)]


def significance(values: list[float], over: list[float], control: list[float]) -> float:
    """Slope of values over `over` in its standard errors, with `control` held fixed."""
    y, x = beside(values, control), beside(over, control)
    slope = fsum(a * b for a, b in zip(x, y, strict=True)) / fsum(a * a for a in x)
    left = fsum((b - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    return slope / sqrt(left / (len(y) - 3) / fsum(a * a for a in x))


@pytest.mark.parametrize(
    ("name", "count", "by_rate", "by_size"),
    [
        ("scaledown-moderate", 32, -0.7, 4.9),
        ("scaledown-users-unsafe-drained", 26, -4.4, 0.8),
        ("scaleup-rescue", 24, -1.4, 2.8),
    ],
)
def test_the_size_of_a_prompt_decides_and_not_the_rate(name: str, count: int, by_rate: float, by_size: float) -> None:
    seen = list(intervals(name))
    rates, sizes, times = (list(column) for column in zip(*seen, strict=True))
    assert len(seen) == count
    assert significance(times, rates, sizes) == pytest.approx(by_rate, abs=0.06)
    assert significance(times, sizes, rates) == pytest.approx(by_size, abs=0.06)


def test_a_line_over_the_rate_alone_would_foretell_what_did_not_come() -> None:
    """Twice the rate on one replica: it would say a fifth more; TTFT p95 stayed at 236 ms."""
    seen = list(intervals("scaledown-moderate"))
    slope, level = linear_regression([one.rate for one in seen], [one.ttft for one in seen])
    mean = fmean(one.rate for one in seen)
    assert (level + slope * 2 * mean) / (level + slope * mean) == pytest.approx(1.2, abs=0.05)
