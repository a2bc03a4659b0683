"""Signals that a Prometheus recorded for us: every engine's table again, its rows read from `scalewarden:<signal>`.

The rules are generated (tools.docs.recording_rules) from the same tables, so that a recorded series means what the
direct derivation would have said: a level, a rate or a quantile, already folded over the engines of one pod, with the
engine as a label. What is counted over the window stays a counter; what is read over time stays a level; numbers that
stand in labels (vLLM's KV capacity) stay on the engine's own series.
"""

from dataclasses import replace

from scalewarden.model.signal import ENGINE_SIGNALS, SignalName
from scalewarden.signals.engines.table import EngineTable, Kind, Least, Row, Series

PREFIX = "scalewarden:"
LABEL = "engine"
"""The label of a recorded series that names the engine it was read from."""
_COUNTED = {SignalName.PREEMPTIONS: f"{PREFIX}preemptions_total"}
_OBSERVED = (Kind.HISTOGRAM, Kind.RATIO)


def name_of(row: Row, series: Series) -> str:
    """The recorded name of one spelling; counters that move only when a request ends are told apart."""
    return _COUNTED.get(row.signal) or f"{PREFIX}{row.signal}{':at_finish' if series.late else ''}"


def count_of(row: Row, series: Series) -> str:
    """The recorded name of how many observations stand behind a quantile, a mean or a share; empty for a level."""
    return f"{PREFIX}{row.signal}:observations" if row.kind_of(series) in _OBSERVED else ""


def recordable(table: EngineTable, row: Row) -> bool:
    """False for what PromQL cannot say: a number that stands in a label."""
    return row.kind is not Kind.INFO or isinstance(table.capacity, Least)


def of(table: EngineTable) -> EngineTable:
    """An engine's table, reading what was recorded of it."""
    rows = tuple(_row(table, row) if recordable(table, row) else row for row in table.rows)
    return replace(
        table,
        prefix=PREFIX,
        marks=(),
        silent="no recording rule gave a value",
        switch="load examples/prometheus/recording-rules.yaml into Prometheus",
        rows=rows,
        copies=frozenset(),
        born_late=False,
    )


def _row(table: EngineTable, row: Row) -> Row:
    only = {LABEL: str(table.engine)}
    kind = Kind.COUNTER if row.signal in _COUNTED else Kind.GAUGE
    count = next(filter(None, (count_of(row, series) for series in row.spellings)), "")
    named = {name_of(row, series): series.late for series in row.spellings}
    spellings = tuple(Series(name, only=only, late=late, observations=count) for name, late in named.items())
    # A rule that gives nothing does not say whether the engine lacks the series or its value was no number.
    return replace(row, kind=kind, spellings=spellings, gone=False)


def _names() -> frozenset[str]:
    signals = {name for name in ENGINE_SIGNALS if name not in _COUNTED}
    suffixes = ("", ":at_finish", ":observations")
    return frozenset(f"{PREFIX}{name}{suffix}" for name in signals for suffix in suffixes) | {*_COUNTED.values()}


NAMES: frozenset[str] = _names()
"""Every series that a recording rule may write."""
