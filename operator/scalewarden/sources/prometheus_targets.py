"""What is known of every target that Prometheus scraped: windows of its pages, and which target speaks for a pod."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scalewarden.model.thresholds import CATALOGUE
from scalewarden.signals.sample import Scrape
from scalewarden.sources.base import PodEndpoint, PodKey
from scalewarden.sources.prometheus_query import RECORDED_COPY, Page, Target
from scalewarden.sources.window import Bounds, Window

STALE = CATALOGUE["freshMaximum"].default
"""Seconds without a new sample that are worth a word."""


@dataclass(slots=True)
class Seen:
    """One target: its scrapes, and when Prometheus last tried it and whether it went well (`up`).

    ambiguous: stands for targets in several clusters, of which none can be told to be ours.
    """

    window: Window
    tried_at: float = 0.0
    up: bool = True
    ambiguous: bool = False

    def take(self, found: Iterable[Page], *, whole: bool) -> None:
        """Add pages; with `whole` false they are parts of pages."""
        for scrape, up in found:
            if up is not None and scrape.at >= self.tried_at:
                self.tried_at, self.up = scrape.at, up == 1.0
            if scrape.samples or up == 1.0:
                (self.window.add if whole else self.window.merge)(scrape)

    def fresh(self, now: float) -> bool:
        """True when its newest scrape is young."""
        return self.window.newest is not None and now - self.window.newest <= STALE


class Targets:
    """The windows of all targets, filled by `take` and emptied by `forget`."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._seen: dict[Target, Seen] = {}

    def take(self, found: Iterable[tuple[Target, Sequence[Page]]]) -> None:
        """Add what queries brought. An exporter's page comes in parts, as its pods are asked about."""
        for target, pages in found:
            seen = self._seen.setdefault(target, Seen(Window(self._bounds)))
            seen.take(pages, whole=not target.exporter)

    def forget(self, engines: Collection[PodKey], now: float) -> None:
        """Drop what is too old, and pods that are no longer asked about."""
        for seen in self._seen.values():
            seen.window.trim(now)
        self._seen = {
            target: seen
            for target, seen in self._seen.items()
            if (target.exporter or target.key in engines) and self._lives(seen, now)
        }

    def _lives(self, seen: Seen, now: float) -> bool:
        return bool(seen.window.scrapes) or seen.tried_at > now - self._bounds.span

    def best(self, endpoints: Sequence[PodEndpoint], now: float) -> dict[PodKey, Seen]:
        """For each pod and each exporter the one target that is read; exporters that are listed by their pod."""
        addresses = {endpoint.key: endpoint.address for endpoint in endpoints}
        exporters = {endpoint.address: endpoint.key for endpoint in endpoints if endpoint.exporter}
        grouped: dict[PodKey, dict[Target, Seen]] = defaultdict(dict)
        for target, seen in self._seen.items():
            key = exporters.get(target.instance, target.key) if target.exporter else target.key
            grouped[key][target] = seen
        return {key: self._speaker(targets, addresses.get(key), now) for key, targets in grouped.items()}

    def _speaker(self, targets: Mapping[Target, Seen], address: str | None, now: float) -> Seen:
        """The target that is read; with what was recorded of the pod, where rules have done so."""
        scraped = {target: seen for target, seen in targets.items() if target.copy != RECORDED_COPY}
        recorded = {target: seen for target, seen in targets.items() if target.copy == RECORDED_COPY}
        if not recorded:
            return _chosen(scraped, address, now)
        made = _chosen(recorded, "", now)
        return self._together(made, _chosen(scraped, address, now)) if scraped else made

    def _together(self, recorded: Seen, scraped: Seen) -> Seen:
        """Recorded pages, each with what the scrape just before it says beside them (sizes, limits, sleep)."""
        pages, window = [page for page in scraped.window.scrapes if len(page)], Window(self._bounds)
        instants = [page.at for page in pages]
        for page in recorded.window.scrapes:
            index = bisect_right(instants, page.at)
            beside = pages[index - 1].samples if index else ()
            window.add(Scrape(page.at, (*page.samples, *beside)))
        return replace(scraped, window=window) if recorded.window.scrapes else scraped

    def exporters(self, best: Mapping[PodKey, Seen]) -> frozenset[PodKey]:
        """The keys of `best` that are exporters."""
        engines = {target.key for target in self._seen if not target.exporter}
        return frozenset(best.keys() - engines)


def _chosen(targets: Mapping[Target, Seen], address: str | None, now: float) -> Seen:
    """The target with series, then the fresh one, the one at the pod's own port, the one scraped most."""

    def rank(target: Target) -> tuple[bool, bool, bool, int, Target]:
        seen = targets[target]
        scrapes = seen.window.scrapes
        told = any(scrape.samples for scrape in scrapes)
        return told, seen.fresh(now), target.instance == address, len(scrapes), target

    found = targets[max(targets, key=rank)]
    return Seen(Window(), ambiguous=True) if _ambiguous(targets, address, now) else found


def _ambiguous(targets: Mapping[Target, Seen], address: str | None, now: float) -> bool:
    """True where pods of this name in several clusters have fresh series, and not exactly one is at our address."""
    if len(targets) == 1:
        return False
    fresh = [target for target, seen in targets.items() if seen.fresh(now)]
    ours = {target.place for target in fresh if target.instance == address}
    return len({target.place for target in fresh}) > 1 and len(ours) != 1
