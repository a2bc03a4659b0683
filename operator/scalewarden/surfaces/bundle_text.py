"""What a support bundle holds and does without, for whoever is about to hand it on."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scalewarden.surfaces.explain_text import counted


@dataclass(frozen=True, slots=True)
class Contents:
    """A finished bundle: where, of which service, how many readings and pods, pages by source and their bytes, what
    is not in it, and why pods gave no page at the end."""

    folder: Path
    key: str
    readings: int
    pods: int
    sources: dict[str, int]
    size: int
    left_out: Counter[str]
    aliases: dict[str, int]
    trouble: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def contents(found: Contents) -> str:
    """The text, and the command that judges the bundle."""
    return "\n".join(_lines(found))


def _lines(found: Contents) -> Iterator[str]:
    yield f"{found.folder}: {found.key}, {counted(found.readings, 'reading')}"
    exporters = sum(source.startswith("exporter_") for source in found.sources)
    pods = len(found.sources) - exporters
    pages = sum(found.sources.values())
    yield f"  {counted(found.pods, 'pod')} ({pods} gave pages), {counted(exporters, 'GPU exporter')}"
    yield f"  {counted(pages, 'page')}, {_size(found.size)}"
    for pod, cause in sorted(found.trouble.items()):
        yield f"  no page of {pod}: {cause}"
    left_out = [f"{number} {what}" for what, number in sorted(found.left_out.items()) if number]
    yield f"  left out: {', '.join(left_out) or 'nothing'}"
    aliases = [f"{what} ({number})" for what, number in sorted(found.aliases.items())]
    yield f"  replaced by aliases: {', '.join(aliases) or 'nothing'}"
    for note in found.notes:
        yield f"  note: {note}"
    yield f"judge it: scalewarden evaluate {found.folder}"


def _size(size: int) -> str:
    return f"{size / 1024:.0f} KiB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MiB"
