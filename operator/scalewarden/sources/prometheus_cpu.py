"""CPU rows of all pods out of Prometheus: one query a collection for what is new, a window for each pod."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from scalewarden.errors import SourceError
from scalewarden.model.signal import Absent
from scalewarden.signals.cpu import CADVISOR
from scalewarden.sources.base import PodKey, Series
from scalewarden.sources.kubelet import cpu_scrapes, cpu_selector
from scalewarden.sources.prometheus_asking import Asking
from scalewarden.sources.prometheus_errors import NamesRefused, malformed
from scalewarden.sources.prometheus_groups import Group
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_query import Labels
from scalewarden.sources.window import Window

FIRST = 360.0
"""Seconds that are asked for at first: CPU explains, and is judged over five minutes."""
NO_ROWS = Absent(f"Prometheus has no {min(CADVISOR)} of the pod: scrape the kubelets' cAdvisor pages")
NOT_THIS_WAY = Absent("this Prometheus takes no query for the kubelets' rows")


class CpuRows:
    """Remembers the rows of each pod within the window."""

    def __init__(self, options: PrometheusOptions, asking: Asking) -> None:
        self._options = options
        self._asking = asking
        self._labels = Labels.of(options)
        self._windows: dict[PodKey, Window] = {}
        self._read_at: float | None = None
        self._refused = False

    async def read(self, parts: Sequence[Group], now: float, until: float) -> Mapping[tuple[str, str], Series]:
        """Rows by pod, oldest first, or why there are none. until: the loop's clock, in seconds.

        parts: the pods, in as many parts as the server was found to need.
        """
        pods = frozenset(key for part in parts for key in part)
        self._windows = {key: self._windows.get(key) or Window(self._options.bounds) for key in pods}
        problem = await self._ask_all(parts, now, until) if pods and not self._refused else None
        for window in self._windows.values():
            window.trim(now)
        none = NOT_THIS_WAY if self._refused else Absent(problem.message) if problem else NO_ROWS
        return {key: window.scrapes or none for key, window in self._windows.items()}

    async def _ask_all(self, parts: Sequence[Group], now: float, until: float) -> SourceError | None:
        since = FIRST if self._read_at is None else min(FIRST, now - self._read_at + self._options.overlap)
        outcomes = await asyncio.gather(*(self._ask(part, since, now, until) for part in parts))
        problems = [outcome for outcome in outcomes if isinstance(outcome, SourceError)]
        self._refused = any(isinstance(problem, NamesRefused) for problem in problems)
        if not problems:
            self._read_at = now
        return next(iter(problems), None)

    async def _ask(self, pods: Group, since: float, now: float, until: float) -> SourceError | None:
        """One query; its rows go into the pods' windows."""
        selector = cpu_selector(pods, since, self._labels, self._options.longest)

        def work() -> None:
            found: list[Mapping[str, Any]] = []
            self._asking.api.samples(selector, now, found.extend)
            try:
                rows = cpu_scrapes(found, pods, self._labels)
            except (LookupError, TypeError, ValueError, AttributeError):
                raise malformed(self._asking.api.where) from None
            for key, scrapes in rows.items():
                for scrape in scrapes:
                    self._windows[key].merge(scrape)

        return await self._asking.run(work, until)
