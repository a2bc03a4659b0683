"""Scrapes for tests, written as exporters write them: short expositions at instants."""

from collections.abc import Iterable, Mapping

from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Scrape

NOW = 1_766_370_000.0


def scrape(at: float, *lines: str) -> Scrape:
    """A page at `at` seconds after NOW (negative: before)."""
    return Scrape(NOW + at, tuple(parse("\n".join(lines) + "\n", WANTED)))


def every(seconds: float, pages: Iterable[Iterable[str]]) -> list[Scrape]:
    """Pages `seconds` apart, the last one at NOW."""
    some = [tuple(lines) for lines in pages]
    return [scrape((index + 1 - len(some)) * seconds, *lines) for index, lines in enumerate(some)]


def signals(
    scrapes: Iterable[Scrape], *, now: float = 0.0, window: float = 600.0, restarted_at: float | None = None
) -> Mapping[SignalName, Signal]:
    """The signals of one vLLM pod at NOW + now."""
    since = None if restarted_at is None else NOW + restarted_at
    return replica_signals(list(scrapes), Engine.VLLM, NOW + now, Thresholds(), window, since)


def value(signal: Signal) -> float:
    """The number of a reading."""
    assert isinstance(signal, Reading), signal
    return signal.value


def cause(signal: Signal) -> str:
    """Why it is absent."""
    assert isinstance(signal, Absent), signal
    return signal.cause
