"""CPU that pods use, from metrics.k8s.io: one list for each collection, kept for the window."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.model.duration import unix_seconds
from scalewarden.model.signal import Absent
from scalewarden.signals.cpu import CORES
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import PodKey, Series
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import POD_METRICS
from scalewarden.sources.quantity import quantity
from scalewarden.sources.tree import child, children
from scalewarden.sources.window import Bounds, Window

Object = Mapping[str, Any]

NOT_SERVED = Absent("this cluster does not serve metrics.k8s.io: install metrics-server")
FORBIDDEN = Absent("the operator's role lacks list on pods.metrics.k8s.io")
NOT_ANSWERED = Absent("metrics.k8s.io did not answer")
NO_ROW = Absent("metrics.k8s.io has no row for the pod")
EVERY = 10.0
"""Least seconds between two lists: metrics-server itself measures every 15 s."""
PATIENCE = 60.0
"""Seconds until an API that is not there, or forbidden, is asked again."""


@dataclass(slots=True)
class PodUsage:
    """Reads PodMetrics of the given namespaces, of all where there are none given. clock gives monotonic seconds."""

    api: KubeApi
    namespaces: tuple[str, ...] = ()
    clock: Callable[[], float] = time.monotonic
    bounds: Bounds = Bounds()
    _windows: dict[PodKey, Window] = field(default_factory=dict)
    _cause: Absent = NO_ROW
    _next: float = float("-inf")

    async def collect(self, pods: Sequence[PodKey], now: float) -> dict[tuple[str, str], Series]:
        """The windows of these pods at `now` (unix seconds), or why there are none; never raises for the API."""
        wanted = frozenset(pods)
        self._windows = {key: window for key, window in self._windows.items() if key in wanted}
        if wanted and self.clock() >= self._next:
            await self._read(wanted, now)
        for window in self._windows.values():
            window.trim(now)
        return {key: self._series(key) for key in wanted}

    def _series(self, key: PodKey) -> Series:
        window = self._windows.get(key)
        return (window.scrapes if window else ()) or self._cause

    async def _read(self, wanted: frozenset[PodKey], now: float) -> None:
        self._next = self.clock() + EVERY
        try:
            for namespace in self.namespaces or ("",):
                listing = await self.api.list(POD_METRICS, namespace)
                self._take(listing.items, wanted, now)
            self._cause = NO_ROW
        except ApiError as error:
            self._cause = _cause(error)
            if self._cause is not NOT_ANSWERED:
                self._next = self.clock() + PATIENCE

    def _take(self, rows: Sequence[Object], wanted: frozenset[PodKey], now: float) -> None:
        for row in rows:
            metadata = child(row, "metadata")
            key = PodKey(str(metadata.get("namespace", "")), str(metadata.get("name", "")))
            scrape = scrape_of(row, now) if key in wanted else None
            if scrape is not None:
                self._windows.setdefault(key, Window(self.bounds)).add(scrape)


def _cause(error: ApiError) -> Absent:
    """An APIService whose server is away answers 503; one that is not registered, 404."""
    return NOT_SERVED if error.not_found else FORBIDDEN if error.status in (401, 403) else NOT_ANSWERED


def scrape_of(row: Object, now: float) -> Scrape | None:
    """One PodMetrics object as a page of cores by container, at the instant it was measured, never after `now`."""
    used = {str(one.get("name", "")): quantity(child(one, "usage").get("cpu")) for one in children(row, "containers")}
    samples = tuple(Sample(CORES, {"container": name}, cores) for name, cores in used.items() if cores is not None)
    try:
        at = unix_seconds(str(row.get("timestamp")))
    except ValueError:
        return None
    return Scrape(min(at, now), samples) if samples else None
