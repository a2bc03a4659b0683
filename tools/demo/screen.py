"""How the demo speaks: a heading a step, the commands as a person would type them, and what they answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
from typing import Any

WIDTH = 100
_FOLD: dict[str, Any] = {"subsequent_indent": "      ", "replace_whitespace": False, "break_on_hyphens": False}


class Screen:
    """Plain text on stdout, at most 100 columns but for what commands print; bold only on a terminal."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._began = time.monotonic()
        self._step = 0

    def step(self, title: str) -> None:
        """The next numbered step."""
        self._step += 1
        seconds = time.monotonic() - self._began
        print(f"\n{self._bold(f'{self._step}. {title}')}  [{seconds:.0f} s]", flush=True)

    def say(self, text: str) -> None:
        """A remark."""
        print(textwrap.fill(" ".join(text.split()), WIDTH, initial_indent="   ", subsequent_indent="   "), flush=True)

    def command(self, shown: str, done: subprocess.CompletedProcess[str] | None = None) -> None:
        """A command line, then its output, errors included."""
        print(f"   {self._bold('$ ' + shown)}", flush=True)
        if done is not None:
            self.block(f"{done.stdout}{done.stderr}")

    def block(self, text: str) -> None:
        """Output of a command, indented; folded between words where a terminal would cut a line."""
        width = shutil.get_terminal_size((0, 0)).columns if sys.stdout.isatty() else 0
        for line in text.rstrip("\n").splitlines():
            folds = textwrap.wrap(line, max(width - 3, 40), **_FOLD) if width else [line]
            print(textwrap.indent("\n".join(folds or [""]), "   "), flush=True)

    def fact(self, true: bool, what: str) -> None:
        """What the demo claims: shown where it holds, an end of the demo where it does not."""
        if not true:
            raise DemoFailedError(what)
        print(f"   ✔ {what}", flush=True)

    def _bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self._colour else text


class DemoFailedError(Exception):
    """Something that the demo shows did not happen."""
