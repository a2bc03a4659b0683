"""Showing something again whenever it changes: redrawn on a terminal, one block after the other in a pipe."""

import sys
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import count

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from scalewarden.cli.output import INTERRUPTED, console
from scalewarden.errors import ClusterError

PAUSE = 2.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What there is to show. key: two screens of one key are the same; draw: onto a terminal; plain: its lines in a
    pipe."""

    key: Hashable | object
    draw: Callable[[Console], None]
    plain: list[str]


def watch(look: Callable[[], Screen], pause: float = PAUSE) -> None:
    """Until Ctrl-C, which ends it with `INTERRUPTED`. Raises ClusterError where the first look fails; later ones that
    fail are said, and tried again."""
    try:
        first = look()
        if sys.stdout.isatty():
            _redraw(first, look, pause)
        else:
            for screen in _changes(first, look, pause):
                typer.echo("\n".join(screen.plain))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _redraw(first: Screen, look: Callable[[], Screen], pause: float) -> None:
    with Live(console=Console(highlight=False), auto_refresh=False, screen=True) as live:
        for screen in _changes(first, look, pause):
            live.update(_drawn(screen), refresh=True)


def _drawn(screen: Screen) -> Text:
    """As `console()` would print it, with its colours."""
    out, like = StringIO(), console()
    drawing = Console(file=out, width=like.width, force_terminal=True, highlight=False, no_color=like.no_color)
    screen.draw(drawing)
    return Text.from_ansi(out.getvalue())


def _changes(first: Screen, look: Callable[[], Screen], pause: float) -> Iterator[Screen]:
    """The first one, then each that differs from the one before."""
    shown, failed = first, False
    yield first
    for _ in count():
        time.sleep(pause)
        try:
            screen = look()
        except ClusterError as error:
            if not failed:
                typer.echo(f"error: {error}; trying again", err=True)
            failed = True
            continue
        if failed or screen.key != shown.key:
            shown, failed = screen, False
            yield screen
