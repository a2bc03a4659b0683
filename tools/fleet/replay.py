"""A recording served as if it were happening now."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

_START = re.compile(r"^((?:process_start_time_seconds|\S+_created)(?:\{.*\})?) (\S+)$", re.MULTILINE)


class BadRecording(ValueError):
    """The folder cannot be replayed; the message says which and why."""


@dataclass(frozen=True)
class Track:
    """The scrapes of one source, oldest first, as (Unix seconds, file)."""

    source: str
    scrapes: tuple[tuple[int, Path], ...]
    loop: bool = False

    def page(self, elapsed: float, now: float) -> str:
        """The newest scrape not later than ``elapsed`` seconds into the recording.

        Times of start in it are moved so that they lie as far back from ``now`` as they did when it was taken.
        """
        taken, path = self._at(elapsed)
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        return _START.sub(lambda match: f"{match[1]} {float(match[2]) + now - taken!r}", text)

    def _at(self, elapsed: float) -> tuple[int, Path]:
        first, last = self.scrapes[0][0], self.scrapes[-1][0]
        if self.loop:
            # One interval after the last scrape the first one is due again.
            elapsed %= (last - first) * len(self.scrapes) / (len(self.scrapes) - 1)
        return [scrape for scrape in self.scrapes if scrape[0] <= first + elapsed][-1]


def tracks(recording: Path, loop: bool = False) -> list[Track]:
    """One track a source of the recording, by name.

    Raises BadRecording when there is nothing to replay, or a single scrape is to be looped.
    """
    found = [
        Track(folder.name, tuple(sorted(_scrapes(folder))), loop)
        for folder in sorted((recording / "scrapes").glob("*"))
        if folder.is_dir()
    ]
    usable = [track for track in found if len(track.scrapes) > (1 if loop else 0)]
    if not usable:
        raise BadRecording(f"{recording}: no scrapes/<source>/<unix seconds>.prom[.gz] to replay")
    return usable


def _scrapes(folder: Path) -> list[tuple[int, Path]]:
    files = [*folder.glob("*.prom"), *folder.glob("*.prom.gz")]
    return [(int(file.name.split(".")[0]), file) for file in files if file.name.split(".")[0].isdigit()]
