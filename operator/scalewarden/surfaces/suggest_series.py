"""Which of an engine's series an autoscaler can follow, by the engine's own table.

An HPA follows one series a metric, so a signal that is made of several is followed by the one that says most alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine
from scalewarden.signals.engines import custom
from scalewarden.signals.engines.release import numbers, release_of
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Row, Series

ELSEWHERE = ("dynamo_frontend_",)
"""Beginnings of series that another target's pods serve."""
_SINCE = re.compile(r"(\d{1,4}(?:\.\d{1,4})*) on")


@dataclass(frozen=True, slots=True)
class Followed:
    """A gauge of every pod: the series with the labels that it must carry (`only`), how the engines inside one pod are
    combined, and labels (`copies`) that tell apart reports of one number. seen: it was read on a replica, or is always
    beside what was. others: its names in other releases, with them."""

    engine: Engine
    signal: SignalName
    series: Series
    fold: Fold
    copies: tuple[str, ...]
    seen: bool
    others: tuple[str, ...]

    @property
    def name(self) -> str:
        """The series on the wire."""
        return self.series.name

    def by_pod(self, selector: str, by: str = "pod") -> str:
        """PromQL: one value a pod of what `selector` selects."""
        if self.fold is Fold.SUM and self.copies:
            selector = f"max without ({', '.join(self.copies)}) ({selector})"
        return f"{self.fold} by ({by}) ({selector})"


def follow(snapshot: Snapshot, table: EngineTable, signal: SignalName) -> Followed | None:
    """The series to follow for a signal; None where the engine exports none that an autoscaler can follow.

    Of several spellings the one that was read on a replica, else the newest that the image's release has.
    """
    row = table.row(signal)
    if row is None:
        return None
    read = _read(snapshot, signal)
    found = list(_candidates(row, read))
    beside = {one.name for series in row.spellings if series.name in read for one in series.most}
    best = next((one for one in found if one.name in read or one.name in beside), None)
    best = best or next((one for one in found if not _too_new(one, snapshot, table)), next(iter(found), None))
    if best is None:
        return None
    others = tuple(
        f"{one.name}{f' ({one.versions})' if one.versions else ''}" for one in found if one.name != best.name
    )
    copies = tuple(sorted(table.copies | best.copies))
    return Followed(table.engine, signal, best, row.fold, copies, best.name in read | beside, others)


def _too_new(series: Series, snapshot: Snapshot, table: EngineTable) -> bool:
    """The release in the tag of the engine's own image is older than the spelling."""
    since, release = _SINCE.match(series.versions), release_of(snapshot.workload.image, table)
    return since is not None and release is not None and numbers(release) < numbers(since[1])


def _read(snapshot: Snapshot, signal: SignalName) -> set[str]:
    """The series that the signal was read from on ready replicas."""
    found = (replica.reading(signal) for replica in snapshot.ready)
    return {reading.source for reading in found if reading is not None}


def _candidates(row: Row, read: set[str]) -> Iterator[Series]:
    """Gauges that say the signal alone, on the target's own pods. One that newer releases dropped counts where it was
    read."""
    for series in row.spellings:
        alone = row.kind_of(series) is Kind.GAUGE and not series.most and not series.over and series.scale == 1
        here = not series.name.startswith((*ELSEWHERE, custom.PREFIX)) and not row.gone
        if alone and (here or series.name in read):
            yield series
