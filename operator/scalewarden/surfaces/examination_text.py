"""An examination on one screen, readable at 80 columns: what is missing and what brings it, then what is there."""

from collections.abc import Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scalewarden.model.duration import rfc3339
from scalewarden.model.signal import SignalName
from scalewarden.signals.remedies import without
from scalewarden.surfaces.examination import REPLICA, SERVICE, Examination, Found, blocks, summary
from scalewarden.surfaces.explain_text import WIDTH, counted, number
from scalewarden.surfaces.self_test import Installed, SelfTest, lines

MARK = "*"
"""Stands behind a signal that no removal is allowed without."""


def show(examination: Examination, console: Console, test: SelfTest | None = None, notes: Iterable[str] = ()) -> None:
    """Print the examination; readable without colour, never wider than the console."""
    console.print(Text(examination.key, style="bold"), Text(_context(examination)), sep="  ")
    console.print(Text(summary(examination), style="yellow" if examination.lacking else "green"))
    for note in notes:
        console.print(Text(f"note: {note}"))
    _missing(console, examination)
    _found(console, examination)
    if test is not None:
        _fence(console, test)


def _context(examination: Examination) -> str:
    ready = f"{examination.ready} of {counted(examination.desired, 'replica')} ready"
    return f"{examination.target}, {examination.engine}, {ready}, at {rfc3339(examination.at)}"


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _missing(console: Console, examination: Examination) -> None:
    if not examination.missing:
        return
    _heading(console, "Missing")
    for one, names in blocks(examination.missing):
        some = one.scope == REPLICA and one.replicas < examination.ready
        where = f"{one.replicas} of {counted(examination.ready, 'replica')}: " if some else ""
        _indented(console, Text(", ".join(_marked(name, examination) for name in names), style="bold"), 2)
        _indented(console, Text(f"{where}{without(one.cause, one.remedy)}"), 4)
        _indented(console, Text.assemble(("→ ", "cyan"), one.remedy), 4)


def _indented(console: Console, text: Text, columns: int) -> None:
    console.print(Padding(text, (0, 0, 0, columns), expand=False))


def _marked(name: SignalName, examination: Examination) -> str:
    return f"{name}{MARK}" if name in examination.required else str(name)


def _found(console: Console, examination: Examination) -> None:
    if not examination.found:
        return
    _heading(console, f"Measured ({counted(examination.ready, 'replica')} ready)")
    narrow = console.width < WIDTH
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for heading in ("signal", "a replica", "service", "unit", "age", *(() if narrow else ("from",))):
        table.add_column(heading, justify="right" if heading in ("a replica", "service", "age") else "left")
    by_name: dict[SignalName, list[Found]] = {}
    for one in examination.found:
        by_name.setdefault(one.name, []).append(one)
    for same in by_name.values():
        for row in _rows(same, examination):
            table.add_row(*(_folded(row) if narrow else map(Text, row)))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    _indented(console, Text(f"{MARK} no removal is allowed without it", style="dim"), 2)


def _folded(row: tuple[str, ...]) -> tuple[RenderableType, ...]:
    """The source below the signal, where there is no room beside it."""
    name, *cells, source = row
    return (Group(Text(name), Padding(Text(source, style="dim"), (0, 0, 0, 2))), *map(Text, cells))


def _rows(same: list[Found], examination: Examination) -> Iterator[tuple[str, ...]]:
    """One row a source on the replicas; the service's own value beside the first, or alone."""
    replicas = [one for one in same if one.scope == REPLICA]
    service = next((one for one in same if one.scope == SERVICE), None)
    for index, one in enumerate(replicas or same):
        beside = service if index == 0 else None
        own = _values(one) if one.scope == REPLICA else ""
        old = f"{one.seconds:.0f} s{' old' if one.stale else ''}"
        whole = _values(beside) if beside else ""
        yield _marked(one.name, examination), own, whole, one.unit.value, old, one.source


def _values(one: Found) -> str:
    least, greatest = _short(one.least), _short(one.greatest)
    return least if least == greatest else f"{least}–{greatest}"


def _short(value: float) -> str:
    """Thousands with a letter, so that columns stay narrow; a little more than nothing is not nothing."""
    if 0 < value < 0.01:
        return "<0.01"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1000 if letter == 'k' else size):.3g}{letter}"
    return number(value)


def _fence(console: Console, test: SelfTest) -> None:
    _heading(console, "Fence self-test (dry runs: nothing is written)")
    for what, answer in (*lines(test), *_facts(test)):
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=9, no_wrap=True)
        table.add_column(ratio=1)
        table.add_row(Text(what), Text(answer))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _facts(test: SelfTest) -> Iterator[tuple[str, str]]:
    floor = "nobody is held back now" if test.floor is None else f"nobody below {counted(test.floor, 'replica')}"
    yield "fence", floor if test.fence_seen else "you may not read it"
    opted = {True: "opted in", False: "not opted in: nothing is refused there", None: "you may not read its labels"}
    yield "namespace", opted[test.opted_in]
    if test.gap:
        yield "kind", test.gap
    for state in Installed:
        parts = ", ".join(name for name, there in test.parts if there is state)
        if parts:
            yield "admission", f"{state}: {parts}{': nothing is refused' if state is Installed.NO else ''}"
