"""How an exporter's table is written: who a series is about, and one row a signal, from its newest spelling on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from scalewarden.model.signal import Absent, SignalName

ExporterKind = Literal["dcgm", "amd", "gaudi", "nvidia-smi", "triton"]
KINDS: tuple[ExporterKind, ...] = get_args(ExporterKind)
"""The exporters that are read, as recording.yaml names them."""
UNDER_MIG = Absent("not measured under MIG")


@dataclass(frozen=True, slots=True)
class Field:
    """One spelling: series that are added up, and how the sum becomes the signal.

    over: what the sum is divided by, added up too; spare is added to it where it is there. scale turns the unit into
    the signal's. ambiguous: the same name was percent in one release and a ratio in the next, so the page must say
    which. counter: a running total, of which the rate counts; each of its label sets is a part of the whole. total: a
    gauge that old releases typed as a counter, so one that only ever rises is not believed. about: what a reader should
    know, in a few words.
    """

    names: tuple[str, ...]
    over: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    scale: float = 1.0
    versions: str = ""
    ambiguous: bool = False
    counter: bool = False
    total: bool = False
    about: str = ""

    @property
    def series(self) -> tuple[str, ...]:
        """Every series that it reads."""
        return tuple(dict.fromkeys((*self.names, *self.over, *self.spare)))


@dataclass(frozen=True, slots=True)
class Row:
    """One signal: the first spelling with values is read. switch is what a person does to get it, an imperative.

    whole: it is about whole GPUs only and says nothing of a slice.
    """

    signal: SignalName
    fields: tuple[Field, ...]
    switch: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Who:
    """The labels that tell which device a series is about, and which pod holds it; the first that is there counts.

    pod: pairs of namespace and pod label; the first whose pod label is there decides, and an empty one says "nobody".
    cut: whether labels that name an instance are those of a slice. uuid_prefix: what the exporter left off.
    """

    uuid: tuple[str, ...]
    instance: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    profile: tuple[str, ...] = ()
    pod: tuple[tuple[str, str], ...] = ()
    cut: Callable[[Mapping[str, str]], bool] = bool
    uuid_prefix: str = ""


@dataclass(frozen=True)
class ExporterTable:
    """Everything that is known of one exporter's page.

    title is its name for people. about: series that are read for their labels only. spellings gives the names under
    which a series may stand on a page. sliced is why a row about whole GPUs is absent for a slice. nameless is what to
    do where its series name no pod. port is where it answers by default.
    """

    kind: ExporterKind
    title: str
    who: Who
    rows: tuple[Row, ...]
    sliced: Absent
    nameless: str
    about: tuple[str, ...] = ()
    spellings: Callable[[str], tuple[str, ...]] = lambda name: (name,)
    blank: Callable[[float], bool] = field(default=lambda value: not math.isfinite(value))
    port: int | None = None

    def row(self, signal: SignalName) -> Row | None:
        """The row of a signal; None where the exporter has nothing of the kind."""
        return next((row for row in self.rows if row.signal is signal), None)

    @property
    def mig(self) -> bool:
        """True where its slices are MIG's."""
        return self.sliced == UNDER_MIG

    @cached_property
    def names(self) -> frozenset[str]:
        """All series names that the table reads, as they may stand on a page."""
        series = (name for row in self.rows for one in row.fields for name in one.series)
        return frozenset(spelled for name in (*series, *self.about) for spelled in self.spellings(name))
