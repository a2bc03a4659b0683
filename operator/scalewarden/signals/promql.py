"""An engine's table as PromQL: each spelling of a signal as the expression that says per pod what `measure` derives.

What is not the same: `rate` extrapolates to the edges of its window and misses what a counter gained before its first
sample; a level is that of the instant; a counter has the name that the table gives it, `_total` and all. Everything
else (labels, copies, folds, units, guards) is the table's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scalewarden.model.signal import SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.canonical import QUANTILES, UNITS
from scalewarden.signals.engines import recorded
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Least, Only, Row, Series
from scalewarden.signals.measure import RATE_SPAN, WHOLE

POD = "namespace, pod"
"""The labels that tell pods apart, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Windows (PromQL durations) and the least observations behind a quantile."""

    rate: str
    observed: str
    window: str
    observations: float

    @classmethod
    def of(cls, limits: Thresholds) -> "Spans":
        """The ones that the derivation uses."""
        rate, observed, window = RATE_SPAN, limits["latencySpan"], limits["pressureWindow"]
        return cls(f"{rate:.0f}s", f"{observed:.0f}s", f"{window:.0f}s", limits["latencyObservations"])


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the expressions of one engine. labels: what each value stands for, a pod or one target of it; only: the
    matchers that every selector carries, such as `namespace="serving"`."""

    table: EngineTable
    spans: Spans
    labels: str = POD
    only: str = ""

    @property
    def _by(self) -> str:
        return f"by ({self.labels})"

    @property
    def _on(self) -> str:
        return f"on ({self.labels})"

    def _selector(self, series: Series, suffix: str = "", matcher: str = "") -> str:
        return _selector(series, suffix, ", ".join(filter(None, (matcher, self.only))))

    def signal(self, row: Row, spellings: Sequence[Series] | None = None) -> str:
        """One row's signal per pod, from the first of its spellings (all, or some of them) that has samples.

        Empty for what PromQL cannot say.
        """
        if not recorded.recordable(self.table, row):
            return ""
        some = row.spellings if spellings is None else spellings
        return self._first(row, [(one, self.spelling(row, one)) for one in some])

    def spelling(self, row: Row, series: Series) -> str:
        """One spelling's signal per pod."""
        kind = row.kind_of(series)
        if kind is Kind.INFO:
            return self._capacity()
        if kind is Kind.GAUGE:
            return self._level(row, series)
        if kind is Kind.COUNTER:
            return self._counted(row, series)
        return self._quantile(row, series) if row.signal in QUANTILES else self._mean(row, series)

    def observations(self, row: Row) -> str:
        """How many observations stand behind a row's quantile, mean or share; empty for other rows."""
        some = [(one, self._count(row, one, "increase")) for one in row.spellings if recorded.count_of(row, one)]
        return self._first(row, some) if some else ""

    def total(self, row: Row) -> str:
        """The counter behind a row, summed over the pod: what the reader takes the increase of."""
        return self._first(row, [(one, f"sum {self._by} ({self._each(one)})") for one in row.spellings])

    def _first(self, row: Row, some: Sequence[tuple[Series, str]]) -> str:
        """The first that is there. A histogram without traffic is there, so an older spelling does not stand in."""
        text = some[0][1]
        for (earlier, _), (_, expression) in pairwise(some):
            later = f"({expression} unless {self._on} {self._there(row, earlier)})"
            text += f"\nor {later if row.kind_of(earlier) in (Kind.HISTOGRAM, Kind.RATIO) else expression}"
        return text

    def _there(self, row: Row, series: Series) -> str:
        """What shows that a spelling is on the page: its series, for a ratio both of its counters."""
        own = self._selector(series, _suffix(row, series))
        if row.kind_of(series) is not Kind.RATIO:
            return own
        return f"({own} and {self._on} ({' or '.join(self._selector(one) for one in series.over)}))"

    def _each(self, series: Series, wrap: str = "{}", suffix: str = "", apart: Only | None = None) -> str:
        """Each engine's value: of several reports of one number the largest."""
        labels = ", ".join(sorted(self.table.copies | series.copies | frozenset(apart or {})))
        inner = wrap.format(self._selector(series, suffix))
        return f"max without ({labels}) ({inner})" if labels else inner

    def _level(self, row: Row, series: Series) -> str:
        each = self._together(row, series)
        if series.over:
            parts = [f"({self._each(series, apart=series.only)} / {self._each(o, apart=o.only)})" for o in series.over]
            each = " or ".join(parts)
        level = f"{row.fold} {self._by} ({each})"
        if row.fold is Fold.MAX:  # the maximum of a number and NaN is no number
            level += f" + 0 * sum {self._by} ({each})"
        if series.plus or series.most:
            level = f"({level} and {self._on} {self._selector(series)})"
        for beside in (one for one in series.most if one.rounding):
            other = f"max {self._by} ({self._each(beside)})"
            level = f"({other} > {level} + {beside.rounding:g} or {level})"
        return self._believed(row, series, _scaled(level, series))

    def _together(self, row: Row, series: Series) -> str:
        """A gauge, or it and those beside it, in one selector."""
        names = [series.name, *(one.name for one in (*series.plus, *series.most) if not one.rounding)]
        if len(names) == 1:
            return self._each(series)
        joined = Series("", only=series.only, copies=series.copies)
        selector = self._selector(joined, matcher=f'__name__=~"{"|".join(names)}"')
        labels = ", ".join(sorted(self.table.copies | series.copies))
        # Without its name two series of one engine would be taken for copies.
        return f'max without ({labels}) (label_replace({selector}, "series", "$1", "__name__", "(.+)"))'

    def _believed(self, row: Row, series: Series, level: str) -> str:
        """Not below zero, and no percentage for a fraction: neither now nor within the window."""
        if UNITS[row.signal] is not Unit.FRACTION:
            return f"({level}) >= 0"
        if series.over:
            return f"({level}) >= 0 <= {WHOLE}"
        most = _scaled(f"max {self._by} (max_over_time({self._selector(series)}[{self.spans.window}]))", series)
        return f"({level}) >= 0 <= {WHOLE} unless {self._on} ({most} > {WHOLE})"

    def _gained(self, series: Series, function: str, span: str, suffix: str = "") -> str:
        text = f"sum {self._by} ({self._each(series, f'{function}({{}}[{span}])', suffix)})"
        if not series.minus:
            return text
        taken = " or ".join(f"sum {self._by} ({self._each(one, f'{function}({{}}[{span}])')})" for one in series.minus)
        return f"clamp_min({text} - ({taken} or 0 * {text}), 0)"

    def _counted(self, row: Row, series: Series) -> str:
        if row.signal is SignalName.PREEMPTIONS:
            return _scaled(self._gained(series, "increase", self.spans.window), series)
        span = self.spans.observed if row.signal is SignalName.FINISH_RATE else self.spans.rate
        return _scaled(self._gained(series, "rate", span), series)

    def _count(self, row: Row, series: Series, function: str) -> str:
        span = self.spans.observed
        if row.kind_of(series) is Kind.RATIO:
            return "(" + " or ".join(self._gained(one, function, span) for one in series.over) + ")"
        return self._gained(series, function, span, "_count")

    def _quantile(self, row: Row, series: Series) -> str:
        each = self._each(series, f"rate({{}}[{self.spans.observed}])", "_bucket")
        text = f"histogram_quantile({QUANTILES[row.signal]}, sum by ({self.labels}, le) ({each}))"
        enough = f"{self._count(row, series, 'increase')} >= {self.spans.observations:g}"
        return f"({_scaled(text, series)} and {self._on} {enough})"

    def _mean(self, row: Row, series: Series) -> str:
        suffix = "" if row.kind_of(series) is Kind.RATIO else "_sum"
        total = self._gained(series, "rate", self.spans.observed, suffix)
        text = _scaled(f"{total} / ({self._count(row, series, 'rate')} > 0)", series)
        return f"clamp_max({text}, 1)" if UNITS[row.signal] is Unit.FRACTION else text

    def _capacity(self) -> str:
        factors = self.table.capacity.factors if isinstance(self.table.capacity, Least) else ()
        return " * ".join(f"min {self._by} ({self._selector(one)} > 0)" for one in factors)


def rules(tables: Sequence[EngineTable], spans: Spans) -> Iterator[tuple[str, str]]:
    """(name, expression) of every recording rule: one a signal, over all engines in the order of their tables."""
    found: dict[str, list[str]] = {}
    for table in tables:
        for name, expression in _of_engine(Writer(table, spans)):
            own = _marked(expression, table)
            labelled = f'label_replace({own}, "{recorded.LABEL}", "{table.engine}", "", "")'
            found.setdefault(name, []).append(labelled)
    yield from ((name, "\nor on (namespace, pod)\n".join(found[name])) for name in sorted(found))


def _of_engine(writer: Writer) -> Iterator[tuple[str, str]]:
    for row in writer.table.rows:
        if not recorded.recordable(writer.table, row):
            continue
        names = dict.fromkeys(recorded.name_of(row, series) for series in row.spellings)
        for name in names:
            some = [series for series in row.spellings if recorded.name_of(row, series) == name]
            counted = row.signal is SignalName.PREEMPTIONS
            yield name, writer.total(row) if counted else writer.signal(row, some)
        count = writer.observations(row)
        if count:
            yield f"{recorded.PREFIX}{row.signal}:observations", count


def _marked(expression: str, table: EngineTable) -> str:
    """Names without a prefix are many exporters': only of pods whose page the marks give away."""
    return (
        f"({expression})" + "".join(f" and on (namespace, pod) {mark}" for mark in table.marks)
        if table.marks
        else (expression)
    )


def _suffix(row: Row, series: Series) -> str:
    return "_count" if row.kind_of(series) is Kind.HISTOGRAM else ""


def _scaled(text: str, series: Series) -> str:
    return text if series.scale == 1.0 else f"({text}) * {series.scale:g}"


def _selector(series: Series, suffix: str = "", matcher: str = "") -> str:
    """A series as a selector; several values become a pattern, an empty one a label that is not there."""
    labels = [
        f'{label}=~"{"|".join(wanted)}"' if isinstance(wanted, tuple) else f'{label}="{wanted}"'
        for label, wanted in series.only.items()
    ]
    some = ", ".join(([matcher] if matcher else []) + labels)
    return f"{series.name}{suffix}" + (f"{{{some}}}" if some else "")
