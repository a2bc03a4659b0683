"""Engine Custom: a table made of what the owner declares, read like any other engine's.

A series is read as what its signal is: a level, a counter, or a histogram by its base name. A query's answer comes
as a series of its own, `scalewarden_custom:<signal>`, whose samples are the signal.
"""

import re
from collections.abc import Iterable

from scalewarden.model.crd_service import CustomSignal
from scalewarden.model.signal import ENGINE_SIGNALS, SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.canonical import QUANTILES
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Row, Series

PREFIX = "scalewarden_custom:"
NAMES: frozenset[str] = frozenset(f"{PREFIX}{name}" for name in ENGINE_SIGNALS)
"""The series in which answers to queries come."""

_RATES = (SignalName.GEN_TPS, SignalName.PREFILL_TPS, SignalName.FINISH_RATE)
_OBSERVED = (
    *QUANTILES, SignalName.ITL_MEAN, SignalName.QUEUE_MEAN, SignalName.INPUT_TOKENS, SignalName.OUTPUT_TOKENS,
)  # fmt: skip
_LARGEST = (SignalName.KV_USAGE, SignalName.EFF_BATCH, SignalName.KV_TOKENS, SignalName.PREFIX_HIT, *_OBSERVED)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"')
_COUNTED = ("_total", "_sum", "_count")


def table(declared: Iterable[CustomSignal]) -> EngineTable:
    """The table of one service."""
    rows = tuple(_row(one) for one in declared)
    named = {row.signal for row in rows}
    return EngineTable(
        engine=Engine.CUSTOM,
        prefix="",
        silent="check signals.custom, metrics.port and metrics.path",
        switch="check the series or query in signals.custom",
        images=(),
        commands=(),
        rows=rows,
        never={name: "signals.custom does not name it" for name in ENGINE_SIGNALS if name not in named},
    )


def series_of(declared: Iterable[CustomSignal]) -> frozenset[str]:
    """The series that a service's pages are read for besides, under all their names on the wire."""
    some = tuple(one for one in declared if one.series is not None)
    return table(some).names if some else frozenset()


def _row(declared: CustomSignal) -> Row:
    signal: SignalName = declared.signal
    fold = Fold.MAX if signal in _LARGEST else Fold.SUM
    scale = float(declared.scale or 1)
    if declared.series is None:
        return Row(
            signal, Kind.GAUGE, fold, (Series(f"{PREFIX}{signal}", scale=scale),), when_absent="a query's answer"
        )
    name, _, labels = declared.series.partition("{")
    return Row(signal, Kind.GAUGE, fold, tuple(
        Series(name, only=dict(_LABEL.findall(labels)), kind=kind, scale=scale) for kind in _kinds(signal, name)
    ))  # fmt: skip


def _kinds(signal: SignalName, name: str) -> tuple[Kind, ...]:
    """What a series of this name is, the likeliest first."""
    if signal in _OBSERVED:
        return (Kind.HISTOGRAM, Kind.GAUGE)
    if signal is SignalName.PREEMPTIONS or (signal in _RATES and name.endswith(_COUNTED)):
        return (Kind.COUNTER,)
    return (Kind.GAUGE,)
