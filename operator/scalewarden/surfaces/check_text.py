"""A check's report for people: each finding with its line underlined, then one line that sums up."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from scalewarden.model.checked import Checked, Level, Remark, Report
from scalewarden.surfaces.explain_text import counted

_COLOURS = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
_LINES = Text("\n")
_LONGEST_LINE = 100
"""Columns of a source line that are shown."""


def show(report: Report, console: Console) -> None:
    """Print it, a finding at a time: of a thousand findings, line by line took as long as reading 2,000 files."""
    for one in report.findings:
        console.print(_LINES.join(_finding(one)), soft_wrap=True)
    for line in _remarks(report):
        console.print(line, soft_wrap=True)
    console.print(summary(report), soft_wrap=True)


def _finding(one: Checked) -> Iterator[Text]:
    head = Text(f"{one.place}: ")
    head.append(str(one.level), style=_COLOURS[one.level])
    head.append(f": {one.message}")
    head.append(f" [{one.rule}]", style="dim")
    yield head
    yield from _source(one)
    yield Text(f"  = {one.object}: {one.remedy}")
    if one.patch:
        yield Text("  = write:")
        yield from (Text(f"      {line}", style="green") for line in one.patch.splitlines())
    yield Text()


def _source(one: Checked) -> Iterator[Text]:
    text = one.place.text.replace("\t", " ")
    if not text.strip():
        return
    number = str(one.place.line)
    yield Text(f"  {number} | {text[:_LONGEST_LINE]}")
    start, end = one.place.column - 1, max(one.place.column, one.place.end - 1)
    marks = " " * min(start, _LONGEST_LINE) + "^" * (min(end, _LONGEST_LINE) - min(start, _LONGEST_LINE))
    if marks.strip():
        yield Text(f"  {' ' * len(number)} | ").append(marks, style=_COLOURS[one.level])


def _remarks(report: Report) -> Iterator[Text]:
    for remark in report.errors:
        yield Text(f"{remark.place}: ").append("cannot be judged", style="bold red").append(f": {remark.text}")
    for text, several in _alike(report.remarks):
        more = f" (and {len(several) - 1} more)" if len(several) > 1 else ""
        yield Text(f"{several[0].place}{more}: ").append("remark", style="dim").append(f": {text}")
    if report.errors or report.remarks:
        yield Text()


def _alike(remarks: tuple[Remark, ...]) -> Iterable[tuple[str, list[Remark]]]:
    """Remarks by their text: a chart has many templates."""
    found: dict[str, list[Remark]] = {}
    for remark in remarks:
        found.setdefault(remark.text, []).append(remark)
    return found.items()


def summary(report: Report) -> str:
    """`2 errors, 1 warning, 0 notes in 14 files: 3 of 41 objects were judged`."""
    counts = ", ".join(counted(report.count(level), str(level)) for level in Level)
    silenced = f"; {counted(report.baseline, 'finding')} of the baseline not shown" if report.baseline else ""
    return (
        f"{counts} in {counted(report.files, 'file')}: {report.judged} of {counted(report.documents, 'object')} "
        f"concern LLM inference{silenced}"
    )
