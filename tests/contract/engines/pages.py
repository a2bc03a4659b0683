"""The committed pages: one as it stands now, and the same one earlier, from what each line says it gained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scalewarden.model.signal import SignalName
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Scrape

FOLDER = Path(__file__).parent / "pages"
EVERY = 60.0
"""Seconds in which a line gains what it says."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its value now, what it gains in a minute, and whether it was there before."""

    series: str
    value: str
    gain: float
    born_now: bool

    def before(self, seconds: float) -> str | None:
        """The line as it stood so long ago; None where the series was not there yet."""
        if self.born_now and seconds:
            return None
        value = self.value if not self.gain else repr(float(self.value) - self.gain * seconds / EVERY)
        return f"{self.series} {value}"


@dataclass(frozen=True, slots=True)
class Fixture:
    """A page with what must be read of it: a value, `absent: cause` or `never: cause` for every signal."""

    name: str
    lines: tuple[Line, ...]
    engine: str
    evidence: str
    signals: Mapping[SignalName, float | Mapping[str, str]]

    def text(self, seconds: float = 0.0) -> str:
        """The page `seconds` ago."""
        return "".join(f"{line}\n" for one in self.lines if (line := one.before(seconds)))

    def scrape(self, at: float, seconds: float = 0.0) -> Scrape:
        """That page, as a source hands it over: names that nothing reads are dropped."""
        return Scrape(at - seconds, tuple(parse(self.text(seconds), WANTED, self.name)))


def load(name: str) -> Fixture:
    """One fixture by name."""
    expected: Mapping[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    signals = {SignalName(signal): wanted for signal, wanted in expected["signals"].items()}
    lines = tuple(_lines((FOLDER / f"{name}.prom").read_text()))
    return Fixture(name, lines, expected["engine"], expected["evidence"], signals)


def _lines(text: str) -> Iterator[Line]:
    for raw in text.splitlines():
        if not raw.startswith("#"):
            sample, _, note = raw.partition("  # ")
            series, _, value = sample.rpartition(" ")
            yield Line(series, value, 0.0 if note == "new" else float(note or 0), note == "new")


ALL = tuple(load(path.stem) for path in sorted(FOLDER.glob("*.prom")))
