"""Round ticks on axes of numbers and of time. Pure; instants are unix seconds, in UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil, floor, log10
from typing import NamedTuple

MINUTE, HOUR, DAY = 60, 3600, 86_400
_STEPS = (
    MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
    12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 365 * DAY,
)  # fmt: skip
MOST_TICKS = 8


class Tick(NamedTuple):
    """Where on the axis (0 to 1), and what stands there."""

    share: float
    label: str


def top_of(values: Sequence[float], least: float) -> float:
    """A round end of an axis that begins at zero and holds the values; at least `least`."""
    highest = max([*values, least])
    unit = 10.0 ** floor(log10(highest))
    return next(step * unit for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * unit >= highest)


def even_top(counts: Sequence[float]) -> float:
    """The end of an axis of counts: even, so that its middle is a count too, with a little room above."""
    highest = ceil(max([*counts, 1.0]))
    return float(highest + 2 - highest % 2) if highest < 20 else top_of(counts, 20.0)


def numbers(top: float) -> list[Tick]:
    """Zero, the middle and the end of an axis."""
    return [Tick(share, plain(top * share)) for share in (0.0, 0.5, 1.0)]


def plain(value: float) -> str:
    """A number in as few characters as say it."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def times(start: float, end: float) -> list[Tick]:
    """At most `MOST_TICKS` at round times: the date at midnight, and hours and minutes else."""
    span = max(1.0, end - start)
    step = next((one for one in _STEPS if span / one <= MOST_TICKS), _STEPS[-1])
    first = ceil(start / step) * step
    count = int((end - first) // step) + 1
    return [Tick((at - start) / span, _label(at, step)) for at in (first + step * n for n in range(count))]


def _label(at: float, step: int) -> str:
    when = datetime.fromtimestamp(at, UTC)
    if at % DAY == 0:
        return f"{when:%b} {when.day}"
    return f"{when:%H:%M}" if step < DAY else f"{when:%b} {when.day}"


def moment(text: str) -> str:
    """An RFC 3339 instant for people: `Nov 21, 23:00:15`."""
    when = datetime.fromisoformat(text)
    return f"{when:%b} {when.day}, {when:%H:%M:%S}"


def date(text: str) -> str:
    """With its year: `Nov 21, 2026, 23:00:15`."""
    when = datetime.fromisoformat(text)
    return f"{when:%b} {when.day}, {when:%Y, %H:%M:%S}"


def lasting(seconds: float) -> str:
    """A stretch of time for people: `2 h 15 min`."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, left = divmod(hours, 24)
    return f"{days} d {left} h" if left else f"{days} d"
