"""Means and (co)variances that take in new numbers in any order and forget old ones by half-lives."""

from collections.abc import Sequence
from dataclasses import replace
from math import fsum

from scalewarden.model.baseline import Bucket, Line

DIGITS = 6
"""Significant digits that are kept: a day's slow drift still moves a mean that rests on a thousand points."""


def kept(value: float) -> float:
    """As it is remembered, so that it is the same after a restart."""
    return float(f"{value:.{DIGITS}g}")


def decay(seconds: float, half_life: float) -> float:
    """What is left of a weight after so long."""
    return float(0.5 ** (max(0.0, seconds) / max(1.0, half_life)))


def line_with(line: Line | None, pairs: Sequence[tuple[float, float]], at: float, half_life: float) -> Line | None:
    """The line with further (running, ITL) pairs, at least one, seen at `at`."""
    if not pairs:
        return line
    new = _line(sorted(pairs), at)
    return _rounded(new if line is None else _merged(line, new, decay(at - line.at, half_life)))


def _line(pairs: Sequence[tuple[float, float]], at: float) -> Line:
    count, xs, ys = len(pairs), [x for x, _ in pairs], [y for _, y in pairs]
    x_mean, y_mean = fsum(xs) / count, fsum(ys) / count
    return Line(
        at=at,
        points=float(count),
        running=x_mean,
        itl=y_mean,
        var_running=fsum((x - x_mean) ** 2 for x in xs) / count,
        var_itl=fsum((y - y_mean) ** 2 for y in ys) / count,
        cov=fsum((x - x_mean) * (y - y_mean) for x, y in pairs) / count,
        low=min(xs),
        high=max(xs),
    )


def _merged(old: Line, new: Line, left: float) -> Line:
    """`left` is the share of the old line's weight that is not forgotten; its extremes fade as its weight does."""
    before, added = old.points * left, new.points
    total = before + added
    share, x_apart, y_apart = added / total, new.running - old.running, new.itl - old.itl
    between = share * (1 - share)
    return Line(
        at=max(old.at, new.at),
        points=total,
        running=old.running + share * x_apart,
        itl=old.itl + share * y_apart,
        var_running=(1 - share) * old.var_running + share * new.var_running + between * x_apart**2,
        var_itl=(1 - share) * old.var_itl + share * new.var_itl + between * y_apart**2,
        cov=(1 - share) * old.cov + share * new.cov + between * x_apart * y_apart,
        low=min(new.low, old.running - (old.running - old.low) * left),
        high=max(new.high, old.running + (old.high - old.running) * left),
    )


def _rounded(line: Line) -> Line:
    names = ("points", "running", "itl", "var_running", "var_itl", "cov", "low", "high")
    return replace(line, **{name: kept(getattr(line, name)) for name in names})


Request = tuple[float | None, float | None]


def bucket_with(
    bucket: Bucket | None, running: int, rates: Sequence[float], request: Request, at: float, half_life: float
) -> Bucket:
    """The bucket with further tokens/s per GPU, at least one, seen at `at` with requests of that mean size."""
    count = float(len(rates))
    mean = fsum(sorted(rates)) / count
    variance = fsum(sorted((rate - mean) ** 2 for rate in rates)) / count
    if bucket is None:
        return _new(Bucket(running, at, count, mean, variance**0.5, *request))
    before = bucket.points * decay(at - bucket.at, half_life)
    share, apart = count / (before + count), mean - bucket.tps
    spread = (1 - share) * bucket.deviation**2 + share * variance + share * (1 - share) * apart**2
    sizes = (_mixed(old, new, share) for old, new in zip((bucket.input, bucket.output), request, strict=True))
    return _new(Bucket(running, max(at, bucket.at), before + count, bucket.tps + share * apart, spread**0.5, *sizes))


def _mixed(old: float | None, new: float | None, share: float) -> float | None:
    if old is None or new is None:
        return old if new is None else new
    return old + share * (new - old)


def _new(bucket: Bucket) -> Bucket:
    sizes = (None if size is None else kept(size) for size in (bucket.input, bucket.output))
    points, tps, deviation = kept(bucket.points), kept(bucket.tps), kept(bucket.deviation)
    return Bucket(bucket.running, bucket.at, points, tps, deviation, *sizes)
