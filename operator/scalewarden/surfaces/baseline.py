"""What was learned ↔ `status.baseline`: the same before it is written and after it was read back."""

from collections.abc import Iterable
from dataclasses import asdict
from math import isfinite

from scalewarden.model.baseline import (
    BUCKETS,
    MOST_DAYS,
    MOST_SAMPLES,
    MOST_STARTS,
    Bucket,
    ColdStart,
    Learned,
    Line,
    LowerSize,
)
from scalewarden.model.fingerprint import MOST_PRODUCTS, Fingerprint, short
from scalewarden.model.signal import Point
from scalewarden.model.status_baseline import (
    BaselineStatus,
    BucketStatus,
    CalmStatus,
    ColdStartStatus,
    FingerprintStatus,
    LineStatus,
    LowerSizeStatus,
    SaturatedStatus,
)
from scalewarden.model.thresholds import Thresholds
from scalewarden.whatif.learned import sustainable_tps


def baseline_status(learned: Learned, at: float, limits: Thresholds) -> BaselineStatus:
    """As it is written at `at` (unix seconds)."""
    sustained = sustainable_tps(learned, at, limits)
    return BaselineStatus(
        sustainable_tokens_per_second=None if sustained is None else float(f"{sustained:.3g}"),
        since=int(learned.since),
        updated=_whole(learned.updated),
        changed_at=_whole(learned.changed_at),
        fingerprint=FingerprintStatus.model_validate(asdict(learned.fingerprint)),
        saturated=_saturated(learned.saturated) if learned.saturated else None,
        calm=tuple(CalmStatus(at=int(point.at), tps=point.value) for point in learned.calm),
        itl=LineStatus.model_validate(asdict(learned.itl)) if learned.itl else None,
        batches=tuple(BucketStatus.model_validate(asdict(bucket)) for bucket in learned.batches),
        cold_starts=tuple(
            ColdStartStatus(created_at=int(start.created_at), seconds=start.seconds, pod=start.pod)
            for start in learned.cold_starts
        ),
        lower=LowerSizeStatus.model_validate(asdict(learned.lower)) if learned.lower else None,
    )


def _saturated(samples: tuple[Point, ...]) -> SaturatedStatus:
    return SaturatedStatus(at=tuple(int(one.at) for one in samples), tps=tuple(one.value for one in samples))


def _whole(at: float | None) -> int | None:
    return None if at is None else int(at)


def learned_of(status: BaselineStatus | None, now: float) -> Learned | None:
    """What a new operator goes on from; None where nothing was written. Anybody who may write a status may have
    written it: what is out of bounds, or of the future at `now` (unix seconds), is left out."""
    if status is None:
        return None
    saturated = status.saturated or SaturatedStatus()
    samples = zip(saturated.at, saturated.tps, strict=False)
    return Learned(
        fingerprint=_fingerprint(status.fingerprint or FingerprintStatus()),
        since=min(float(status.since), float(int(now))),
        updated=_past(status.updated, now),
        changed_at=_past(status.changed_at, now),
        saturated=_points(samples, now)[-MOST_SAMPLES:],
        calm=_points(((one.at, one.tps) for one in status.calm), now)[-MOST_DAYS:],
        itl=_line(status.itl, now),
        batches=_batches(status.batches, now),
        cold_starts=_starts(status.cold_starts, now),
        lower=_lower(status.lower, now),
    )


def _past(at: int | None, now: float) -> float | None:
    return float(at) if at is not None and 0 <= at <= now else None


def _positive(*values: float | None) -> bool:
    return all(value is None or (isfinite(value) and value > 0) for value in values)


def _fingerprint(status: FingerprintStatus) -> Fingerprint:
    known = status.model_dump()
    texts = {name: short(value) for name, value in known.items() if isinstance(value, str)}
    return Fingerprint(**{**known, **texts, "products": tuple(map(short, status.products))[:MOST_PRODUCTS]})


def _points(samples: Iterable[tuple[int, float]], now: float) -> tuple[Point, ...]:
    return tuple(Point(float(at), value) for at, value in samples if 0 <= at <= now and _positive(value))


def _line(status: LineStatus | None, now: float) -> Line | None:
    if status is None or not 0 <= status.at <= now:
        return None
    found = Line(**{**status.model_dump(), "at": float(status.at)})
    sound = _positive(found.points, found.running, found.itl, found.low, found.high) and isfinite(found.cov)
    spread = isfinite(found.var_running) and isfinite(found.var_itl) and min(found.var_running, found.var_itl) >= 0
    return found if sound and spread and found.low <= found.running <= found.high else None


def _batches(some: tuple[BucketStatus, ...], now: float) -> tuple[Bucket, ...]:
    found = {
        one.running: Bucket(**{**one.model_dump(), "at": float(one.at)})
        for one in some
        if one.running in BUCKETS
        and 0 <= one.at <= now
        and _positive(one.points, one.tps, one.input, one.output)
        and isfinite(one.deviation)
        and one.deviation >= 0
    }
    return tuple(found[running] for running in sorted(found))


def _starts(some: tuple[ColdStartStatus, ...], now: float) -> tuple[ColdStart, ...]:
    found = [
        ColdStart(float(one.created_at), one.seconds, short(one.pod or ""))
        for one in some
        if 0 <= one.created_at <= now and _positive(one.seconds)
    ]
    return tuple(sorted(found)[-MOST_STARTS:])


def _lower(one: LowerSizeStatus | None, now: float) -> LowerSize | None:
    if one is None or not 0 <= one.at <= now or not _positive(one.parallel, one.tps, one.input, one.output):
        return None
    return LowerSize(**{**one.model_dump(), "at": float(one.at)})
