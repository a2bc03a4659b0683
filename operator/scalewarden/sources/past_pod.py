"""One pod of the past: when it was there, and whether it served."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scalewarden.model.signal import Point
from scalewarden.sources.past_told import LASTS, followed
from scalewarden.sources.prometheus_past import AHEAD, Moment
from scalewarden.sources.prometheus_query import Target


class _Tried(NamedTuple):
    """The last scrape of one target: when, whether it went well, and whether the target has ever told an engine's
    series, as no sidecar does."""

    at: float
    well: bool
    tells: bool


@dataclass(slots=True)
class PastPod:
    """seen: when it was told of, by a page or by kube-state-metrics. born: when its present life began, where that is
    known; ready_since: since when it serves. A StatefulSet gives the same name again: each life begins anew."""

    seen: list[float] = field(default_factory=list)
    born: float | None = None
    ready_since: float | None = None
    _ready: Sequence[Point] = ()
    _tried: dict[Target, _Tried] = field(default_factory=dict)

    def take(self, seen: Iterable[float], ready: Sequence[Point], horizon: float) -> None:
        """What is known in advance; forgets what is older than `horizon`, but for how ready it was then."""
        self.seen = sorted({*(at for at in self.seen if at > horizon), *seen})
        self._ready = followed(self._ready, ready, horizon)

    def reach(self, moment: Moment) -> None:
        """A page of it, when the replay comes to it."""
        before = self._tried.get(moment.target)
        tells = bool(moment.page.scrape.samples) or (before is not None and before.tells)
        self._tried[moment.target] = _Tried(moment.at, moment.page.up != 0.0, tells)

    def there(self, at: float, interval: float) -> bool:
        """It was told of lately, or is again soon. interval: seconds between two scrapes."""
        index = bisect_right(self.seen, at)
        if not index:
            return False
        follows = index < len(self.seen) and self.seen[index] - self.seen[index - 1] <= AHEAD
        return follows or at - self.seen[index - 1] <= 1.5 * interval

    def look(self, at: float, *, here: bool) -> None:
        """Bring its lives and its readiness up to `at`. What came between two looks is as it was told, not as of
        the look."""
        if not here:
            self.born, self.ready_since = None, None
            return
        began = self._began(at)
        fresh = self.born is None or began > self.born + AHEAD
        if fresh:
            self.born, self.ready_since = began, None
        if not self.serves(at):
            self.ready_since = None
            return
        since = self._ready_from(at)
        if since is None:
            since = self.ready_since or (began if fresh else at)
        self.ready_since = since

    def serves(self, at: float) -> bool:
        """What kube-state-metrics last said of this life; where it says nothing, that it could be scraped."""
        index = bisect_right(self._ready, at, key=lambda point: point.at)
        if index and self._of_this_life(self._ready[index - 1], at):
            return self._ready[index - 1].value == 1.0
        return self._answers(at)

    def lives(self) -> Iterator[tuple[float, float]]:
        """From when to when it was there, as far as that is known."""
        start = 0
        for index, at in enumerate(self.seen):
            if index + 1 == len(self.seen) or self.seen[index + 1] - at > AHEAD:
                yield self.seen[start], at
                start = index + 1

    def _began(self, at: float) -> float:
        """When the life of this instant began; the one that is known, where its beginning is forgotten."""
        index = bisect_right(self.seen, at) - 1
        while index > 0 and self.seen[index] - self.seen[index - 1] <= AHEAD:
            index -= 1
        return self.born if index <= 0 and self.born is not None else self.seen[max(0, index)]

    def _ready_from(self, at: float) -> float | None:
        """Since when kube-state-metrics has said 1; None where it says nothing, or has for longer than is known."""
        index = bisect_right(self._ready, at, key=lambda point: point.at) - 1
        if index < 0 or not self._of_this_life(self._ready[index], at):
            return None
        while index > 0 and self._ready[index - 1].value == 1.0 and self._of_this_life(self._ready[index - 1], at):
            index -= 1
        return None if index == 0 and self.ready_since is not None else self._ready[index].at

    def _of_this_life(self, point: Point, at: float) -> bool:
        return at - point.at <= LASTS and (self.born is None or point.at >= self.born)

    def _answers(self, at: float) -> bool:
        """Any target of this life that tells an engine's series; where none does, any at all."""
        everyone = [one for one in self._tried.values() if self.born is None or one.at >= self.born]
        lately = [one for one in everyone if at - one.at <= AHEAD] or everyone
        return any(one.well for one in [one for one in lately if one.tells] or lately)
