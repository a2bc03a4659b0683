"""The chain from facts to advice on one screen: what is measured, what it means, what would happen, what to do.

The answer stands above it in two lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 100
"""Widest line, so that a screen can be read, quoted and compared."""

INDENT = 2
GAPS = (2, 1)
"""Columns between two columns of a table, and between those of one that is too wide so."""

MOST_TO_DO = 2
"""Things to do that are said first; more would be no short answer."""

ABSENT = "–"
"""Stands where a number was not measured; never zero."""

_STYLES = {
    "Allow": "bold green",
    "Hold": "bold yellow",
    "Deny": "bold red",
    "Fired": "yellow",
    "Unknown": "cyan",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under headings; the first column is text. In a table of numbers they stand to the right; a `ragged` one
    holds text in any column."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    ragged: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A word that says how it stands, what it is about, and one sentence."""

    status: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What the screen shows, from top to bottom; empty parts are left out. to_do: the most urgent first."""

    title: str
    context: str
    meaning: Line
    question: str
    verdict: Line
    to_do: tuple[str, ...]
    measured: Grid = field(default_factory=lambda: Grid(()))
    measured_notes: tuple[str, ...] = ()
    findings: tuple[Line, ...] = ()
    finding_notes: tuple[str, ...] = ()
    tests: Grid = field(default_factory=lambda: Grid(()))
    test_notes: tuple[str, ...] = ()
    history: tuple[Line, ...] = ()
    numbers: tuple[tuple[str, Grid], ...] = ()


def merged(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Rules that cannot speak for one and the same reason share a line, by their codes."""
    found: list[Line] = []
    for line in lines:
        same = next(
            (one for one in found if "Unknown" == one.status == line.status and one.message == line.message), None
        )
        if same is None:
            found.append(line)
        else:
            codes = [subject.partition(" ")[0] for subject in (*same.subject.split(", "), line.subject)]
            found[found.index(same)] = Line(line.status, ", ".join(codes), line.message)
    return tuple(found)


def show(chain: Chain, console: Console) -> None:
    """Print the chain; readable without colour, never wider than the console. A part without content is left out."""
    console.print(Text(chain.title, style="bold"), Text(chain.context), sep="  ")
    _lines(console, _lead(chain))
    if chain.measured.rows or chain.measured_notes:
        _heading(console, "What is measured")
        _grid(console, chain.measured)
        _notes(console, chain.measured_notes)
    _heading(console, "What it means")
    _lines(console, (chain.meaning, *chain.findings))
    _notes(console, chain.finding_notes)
    _heading(console, f"What would happen: {chain.question}")
    _lines(console, (chain.verdict,))
    _grid(console, chain.tests)
    _notes(console, chain.test_notes)
    if chain.history:
        _heading(console, "What was asked lately")
        _lines(console, chain.history)
    _heading(console, "What to do")
    _notes(console, chain.to_do)
    for heading, grid in chain.numbers:
        _heading(console, heading)
        _grid(console, grid)


def _lead(chain: Chain) -> tuple[Line, ...]:
    """The answer and the first things to do ahead of the reasons: on a small terminal the rest scrolls away."""
    answer = Line(chain.verdict.status, chain.verdict.subject, chain.question)
    do = Line("Do", "", " ".join(chain.to_do[:MOST_TO_DO]))
    return (answer, do) if chain.to_do else (answer,)


def number(value: float | None, decimals: int | None = None) -> str:
    """A dash for what was not measured; two decimals where they matter, unless `decimals` says how many."""
    if value is None:
        return ABSENT
    places = decimals if decimals is not None else 0 if abs(value) >= 100 or float(value).is_integer() else 2
    return f"{value:.{places}f}"


def counted(count: int, noun: str) -> str:
    """`1 replica`, `2 replicas`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def keep(safe: int, desired: int) -> str:
    """What to do where a removal is not safe."""
    return (
        f"Go no lower than {counted(safe, 'replica')} now."
        if safe < desired
        else f"Keep {counted(desired, 'replica')} now."
    )


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _notes(console: Console, notes: tuple[str, ...]) -> None:
    for note in notes:
        console.print(Padding(Text(note), (0, 0, 0, INDENT)))


def _grid(console: Console, grid: Grid) -> None:
    if not grid.rows:
        return
    gap, widths = _fitting(grid, console.width - INDENT)
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim", show_edge=False)
    for index, (heading, width) in enumerate(zip(grid.headings, widths, strict=True)):
        text = index == 0 or grid.ragged
        table.add_column(heading, justify="left" if text else "right", overflow="fold", width=width)
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(Padding(table, (0, 0, 0, INDENT)))


def _fitting(grid: Grid, room: int) -> tuple[int, list[int | None]]:
    """Columns between two columns, and how wide each column is; free where nothing fits.

    Cells are broken between words, the longest first: a number that breaks in the middle is read as another one.
    """
    columns = list(zip(grid.headings, *grid.rows, strict=True))
    widths = [max(map(len, cells)) for cells in columns]
    words = [max(len(word) for cell in cells for word in cell.split() or [""]) for cells in columns]
    for gap in GAPS:
        tried = list(widths)
        while (wide := sum(tried) + gap * (len(tried) - 1)) > room and tried != words:
            longest = max(range(len(tried)), key=lambda index: tried[index] - words[index])
            tried[longest] = max(words[longest], tried[longest] - (wide - room))
        if wide <= room:
            return gap, list(tried)
    return GAPS[0], [None] * len(widths)


def _lines(console: Console, lines: tuple[Line, ...]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for line in lines:
        sentence = Text(f"{line.subject}  ", style="bold") if line.subject else Text()
        table.add_row(Text(line.status, style=_STYLES.get(line.status, "bold")), sentence.append(Text(line.message)))
    console.print(Padding(table, (0, 0, 0, INDENT)))
