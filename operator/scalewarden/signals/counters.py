"""Increases of counters between scrapes, through resets and restarts, summed over a pod's series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from scalewarden.model.signal import Point
from scalewarden.signals.engines.table import Only, Series, carries, counter_names
from scalewarden.signals.pages import Labels, Pages, first_named, values
from scalewarden.signals.sample import Scrape


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

    def scaled(self, factor: float) -> "Increase":
        """In another unit."""
        if factor == 1.0:
            return self
        return Increase(self.name, tuple(Step(step.start, step.at, step.gain * factor) for step in self.steps))

    def less(self, other: "Increase") -> "Increase":
        """What was gained beyond another counter's gain, step by step; never below zero."""
        taken = {step.at: step.gain for step in other.steps}
        steps = (Step(s.start, s.at, max(0.0, s.gain - taken.get(s.at, 0.0))) for s in self.steps)
        return Increase(self.name, tuple(steps))


def increase(pages: Pages, names: Sequence[str], only: Only | None = None) -> Increase | None:
    """The increase of the first spelling that is there; None with fewer than two samples of it."""
    name = first_named(pages, names)
    gains = by_labels(pages, name, only or {}) if name else []
    steps = tuple(Step(start, at, fsum(gain.values())) for start, at, gain in gains)
    return Increase(name, steps) if name and steps else None


def of_series(pages: Pages, series: Series) -> Increase | None:
    """The increase of a counter in the signal's unit, less what its `minus` gained."""
    pages = pages.folding(series.copies)
    gained = increase(pages, counter_names(series.name), series.only)
    if gained is None:
        return None
    taken = first_of(pages, series.minus)
    return (gained.less(taken) if taken else gained).scaled(series.scale)


def first_of(pages: Pages, some: Sequence[Series]) -> Increase | None:
    """The increase of the first of several counters that has one."""
    found = (increase(pages.folding(one.copies), counter_names(one.name), one.only) for one in some)
    return next((one for one in found if one is not None), None)


Gains = tuple[float, float, dict[Labels, float]]


def by_labels(pages: Pages, name: str, only: Only) -> list[Gains]:
    """(start, at, gain by label set) from each page that has the series to the next that has it.

    Of several reports of one number the one that gained the most in all is taken.
    """
    steps: list[Gains] = []
    known: dict[Labels, float] = {}
    for (earlier, before), (later, after) in pairwise(_having(pages, name, only)):
        # A series that comes back after a page without it was not born again.
        known = {**known, **before} if pages.born_late else dict(before)
        if pages.restarted_between(earlier, later):
            gains, known = {labels: max(0.0, value) for labels, value in after.items()}, {}
        else:
            gains = _gains(known, after, born_late=bool(pages.born_late))
        if gains:
            steps.append((earlier, later, gains))
    return _of_copies(steps, pages.copies)


def _of_copies(steps: list[Gains], copies: frozenset[str]) -> list[Gains]:
    totals: dict[Labels, float] = {}
    for _, _, gains in steps:
        for labels, gain in gains.items():
            totals[labels] = totals.get(labels, 0.0) + gain
    best: dict[Labels, Labels] = {}
    for labels in sorted(totals, key=lambda one: (totals[one], sorted(one))):
        best[frozenset(item for item in labels if item[0] not in copies)] = labels
    if len(best) == len(totals):
        return steps
    taken = frozenset(best.values())
    kept = ((start, at, {one: gain for one, gain in gains.items() if one in taken}) for start, at, gains in steps)
    return [step for step in kept if step[2]]


def _having(pages: Pages, name: str, only: Only) -> Iterator[tuple[float, Mapping[Labels, float]]]:
    """The pages with the series, and those on which it was not born yet: the engine is there, the counter is not."""
    for scrape in pages.scrapes:
        found = values(scrape, name, only, frozenset())
        if found is not None:
            yield scrape.at, found
        elif unborn(pages, scrape, name, only):
            yield scrape.at, {}


def unborn(pages: Pages, scrape: Scrape, name: str, only: Only) -> bool:
    """True where the engine is on a page and a counter of it, which is born by counting, is not yet."""
    if not pages.born_late or any(carries(sample.labels, only) for sample in scrape.named(name)):
        return False
    return any(one.startswith(pages.born_late) for one in scrape.names)


def _gains(before: Mapping[Labels, float], after: Mapping[Labels, float], *, born_late: bool) -> dict[Labels, float]:
    """A counter that fell began again at zero. A series that is new to the page has no earlier value and adds
    nothing, unless it was born by counting; with only such series nothing is known, which is no gain of zero."""
    if not born_late and not before.keys() & after.keys():
        return {}
    previous = {labels: before.get(labels, 0.0 if born_late else value) for labels, value in after.items()}
    return {
        labels: value - previous[labels] if value >= previous[labels] else max(0.0, value)
        for labels, value in after.items()
    }
