"""The committed Markdown pages, taken apart: links, anchors, code blocks and code spans."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)(`{3,})(\w*)\s*$")
_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text without the indentation, and where it stands."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def tracked(*suffixes: str) -> tuple[Path, ...]:
    """Files of the checkout that are or would be committed, by the end of their name."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout", allow_module_level=True)
    files = [ROOT / name for name in listed.stdout.splitlines()]
    return tuple(file for file in sorted(set(files)) if file.is_file() and file.name.endswith(suffixes))


def pages() -> tuple[Path, ...]:
    """Every Markdown page."""
    return tracked(".md")


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    opened: tuple[int, str, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, inside = (number, fence[1], fence[3]), []
        elif opened is not None and fence and not fence[3]:
            text = "\n".join(one.removeprefix(opened[1]) for one in inside) + "\n"
            found.append(Block(page, opened[0] + 1, opened[2], text))
            opened = None
        elif opened is not None:
            inside.append(line)
    assert opened is None, f"{page}:{opened and opened[0]}: a block that never ends"
    return tuple(found)


def all_blocks(*languages: str) -> list[Block]:
    """The blocks of these languages on all pages."""
    return [block for page in pages() for block in blocks(page) if block.language in languages]


def prose(page: Path) -> str:
    """The page without its fenced blocks, line numbers kept."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = _FENCE.match(line)
        inside = not inside if fence else inside
        lines.append("" if inside or fence else line)
    return "\n".join(lines)


def links(page: Path) -> list[str]:
    """Targets of the page's links, outside blocks and spans."""
    return _LINK.findall(_SPAN.sub("", prose(page)))


def spans(page: Path) -> Iterator[str]:
    """The page's code spans."""
    yield from _SPAN.findall(prose(page))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that a code host makes of the page's headings."""
    seen: dict[str, int] = {}
    found = set()
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return frozenset(found)
