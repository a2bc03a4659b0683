"""Every relative link and anchor leads somewhere, and nothing links out of the project unseen."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import ROOT, anchors, links, pages, prose, tracked

OUTSIDE: frozenset[str] = frozenset()
"""Hosts that a page may link to: none, so that every page can be read offline."""


def broken(page: Path, link: str) -> str | None:
    """What is wrong with a link; None where it leads somewhere."""
    parts = urlsplit(link)
    if parts.scheme:
        return None if parts.hostname in OUTSIDE else f"{link} leads out of the project"
    target = (page.parent / parts.path).resolve() if parts.path else page
    if not target.exists():
        return f"{link}: no such file"
    if not target.is_relative_to(ROOT):
        return f"{link} leads out of the checkout"
    if parts.fragment and (target.suffix != ".md" or parts.fragment not in anchors(target)):
        return f"{link}: no such heading"
    return None


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [said for link in links(page) if (said := broken(page, link))] == []


def test_broken_links_are_seen() -> None:
    page = ROOT / "docs" / "decisions" / "README.md"
    assert broken(page, "0001-functional-core.md") is None
    assert broken(page, "../../ARCHITECTURE.md#processes") is None
    assert broken(page, "no-such-page.md") == "no-such-page.md: no such file"
    assert broken(page, "../../ARCHITECTURE.md#nowhere") == "../../ARCHITECTURE.md#nowhere: no such heading"
    assert broken(page, "https://example.com/") == "https://example.com/ leads out of the project"


def test_every_page_of_the_documentation_is_linked() -> None:
    linked = {
        (page.parent / urlsplit(link).path).resolve()
        for page in pages()
        for link in links(page)
        if not urlsplit(link).scheme and urlsplit(link).path
    }
    docs = [page for page in pages() if page.is_relative_to(ROOT / "docs")]
    assert docs
    assert [str(page.relative_to(ROOT)) for page in docs if page not in linked] == []


def test_lines_are_at_most_120_columns() -> None:
    """Tables cannot be folded."""
    written = [page for page in pages() if page.parts[-2] in {"concepts", "guides"}]
    long = [
        f"{page.relative_to(ROOT)}:{number}"
        for page in written
        for number, line in enumerate(prose(page).splitlines(), start=1)
        if len(line) > 120 and not line.startswith("|")
    ]
    assert long == []


def test_every_example_is_shown_somewhere() -> None:
    """An example that no test and no page names rots: each one is named by its folder or its file name."""
    shows = (ROOT / "tests", ROOT / "tools" / "demo")
    places = [*pages(), *(file for file in tracked(".py") if any(file.is_relative_to(one) for one in shows))]
    told = "\n".join(file.read_text(encoding="utf-8") for file in places if file != Path(__file__))
    examples = [file.relative_to(ROOT) for file in tracked("") if file.is_relative_to(ROOT / "examples")]
    assert examples
    assert {str(unit(path)) for path in examples if not is_told(path, told)} == set()


def unit(path: Path) -> Path:
    """The thing that is told: a recording is a folder, everything else a file."""
    return Path(*path.parts[:3]) if path.parts[1] == "recordings" else path


def is_told(path: Path, told: str) -> bool:
    """Named by path, or by folder and name as code puts them together."""
    one = unit(path)
    return str(one) in told or f'"{one.name}"' in told or f"| {one.name} |" in told or f"{one.parent}/*" in told
