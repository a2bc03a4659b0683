"""What a tired person reads: a screen that is short, stable in width, and says the same without colour."""

from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from scalewarden.cli.evaluate_work import judged
from scalewarden.sources.recording import load
from scalewarden.surfaces.explain_text import show
from scalewarden.surfaces.explain_text_evaluation import chain_of

RECORDINGS = sorted(
    path.parent for path in (Path(__file__).parents[3] / "examples" / "recordings").glob("*/recording.yaml")
)
ORDER = ("What is measured", "What it means", "What would happen", "What to do")


evaluation = cache(lambda folder: judged(load(folder)))
"""Judged once for all of these tests."""


def screen(folder: Path, width: int = 100, *, long: bool = False) -> str:
    out = StringIO()
    console = Console(file=out, width=width, highlight=False, markup=False, emoji=False, color_system=None)
    show(chain_of(evaluation(folder), long=long), console)
    return out.getvalue()


recorded = pytest.mark.parametrize("folder", RECORDINGS, ids=lambda folder: folder.name)


@recorded
def test_facts_meaning_consequence_and_advice_in_this_order(folder: Path) -> None:
    said = screen(folder)
    assert [said.index(part) for part in ORDER] == sorted(said.index(part) for part in ORDER)
    assert len(said.splitlines()) <= 39  # a terminal of 40 lines, and its prompt


@recorded
@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("long", [False, True])
def test_no_line_is_wider_than_the_terminal(folder: Path, width: int, long: bool) -> None:
    assert max(map(len, screen(folder, width, long=long).splitlines())) <= width


@recorded
def test_the_long_form_has_every_number_with_unit_age_and_source(folder: Path) -> None:
    said = screen(folder, long=True)
    assert "Every signal" in said and "vllm:num_requests_running" in said
    assert "For " in said and "Could not speak" not in said
