"""Increases of counters between scrapes, through resets and restarts, summed over a pod's series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from scalewarden.model.signal import Point
from scalewarden.signals.pages import Labels, Pages, first_named, values


@dataclass(frozen=True, slots=True)
class Step:
    """What a counter gained from one scrape (`start`) to the next (`at`), unix seconds."""

    start: float
    at: float
    gain: float

    @property
    def rate(self) -> float:
        """Gain per second."""
        return self.gain / (self.at - self.start)


@dataclass(frozen=True, slots=True)
class Increase:
    """The steps of a counter, oldest first, at least one; `name` is the spelling that was read."""

    name: str
    steps: tuple[Step, ...]

    @property
    def total(self) -> float:
        """What was gained in all."""
        return fsum(step.gain for step in self.steps)

    @property
    def seconds(self) -> float:
        """Seconds of data; a gap that nothing is known of is not among them."""
        return fsum(step.at - step.start for step in self.steps)

    @property
    def at(self) -> float:
        """When the newest sample was taken."""
        return self.steps[-1].at

    @property
    def rate(self) -> float:
        """Gain per second over all steps."""
        return self.total / self.seconds

    @property
    def rates(self) -> tuple[Point, ...]:
        """The rate between scrapes, at the later one."""
        return tuple(Point(step.at, step.rate) for step in self.steps)

    @property
    def cumulative(self) -> tuple[Point, ...]:
        """What was gained since the first sample, from zero there."""
        points = [Point(self.steps[0].start, 0.0)]
        for step in self.steps:
            points.append(Point(step.at, points[-1].value + step.gain))
        return tuple(points)

    def last(self, seconds: float) -> "Increase":
        """The steps within `seconds` of the newest sample, at least the newest one."""
        inside = tuple(step for step in self.steps if step.start >= self.at - seconds)
        return Increase(self.name, inside or self.steps[-1:])

    def less(self, other: "Increase") -> "Increase":
        """What was gained beyond another counter's gain, step by step; never below zero."""
        taken = {step.at: step.gain for step in other.steps}
        steps = (Step(s.start, s.at, max(0.0, s.gain - taken.get(s.at, 0.0))) for s in self.steps)
        return Increase(self.name, tuple(steps))


def increase(pages: Pages, names: Sequence[str], only: Mapping[str, str] | None = None) -> Increase | None:
    """The increase of the first spelling that is there; None with fewer than two samples of it."""
    name = first_named(pages, names)
    gains = by_labels(pages, name, only or {}) if name else []
    steps = tuple(Step(start, at, fsum(gain.values())) for start, at, gain in gains)
    return Increase(name, steps) if name and steps else None


Gains = tuple[float, float, dict[Labels, float]]


def by_labels(pages: Pages, name: str, only: Mapping[str, str]) -> list[Gains]:
    """(start, at, gain by label set) from each page that has the series to the next that has it."""
    having = [(scrape, found) for scrape in pages.scrapes if (found := values(scrape, name, only)) is not None]
    steps = []
    for (earlier, before), (later, after) in pairwise(having):
        gains = dict(after) if pages.restarted_between(earlier.at, later.at) else _gains(before, after)
        if gains:
            steps.append((earlier.at, later.at, gains))
    return steps


def _gains(before: Mapping[Labels, float], after: Mapping[Labels, float]) -> dict[Labels, float]:
    """A counter that fell began again at zero. A series that is new to the page has no earlier value and adds
    nothing; with only such series nothing is known, which is no gain of zero."""
    if not before.keys() & after.keys():
        return {}
    previous = {labels: before.get(labels, value) for labels, value in after.items()}
    return {labels: value - previous[labels] if value >= previous[labels] else value for labels, value in after.items()}
