"""How commands print: data on stdout, as text for people or as JSON for programs."""

import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130
"""Exit code of what Ctrl-C ended, as shells have it."""


class Format(StrEnum):
    """What `-o` takes."""

    TEXT = "text"
    JSON = "json"


Output = Annotated[Format, typer.Option("-o", "--output", help="Text for people, JSON for programs.")]


def console() -> "Console":
    """Stdout for text: at most `WIDTH` columns, colour only on a terminal and never where NO_COLOR is set."""
    from rich.console import Console

    from scalewarden.surfaces.explain_text import WIDTH

    columns = os.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    return Console(width=min(columns, WIDTH), highlight=False, markup=False, emoji=False)
