"""`kubectl_complete-scalewarden`: what kubectl runs when TAB is pressed after `kubectl scalewarden`.

It gives the words typed so far as arguments, the last one unfinished, and reads a completion a line, with a tab before
its description, then `:` and a number that says what to do beside it.
"""

import io
import os
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress

from scalewarden.cli.main import COMPLETE, app

FILES = ":0"
"""Complete with files where nothing else fits."""
NO_FILES = ":4"
TAKES_FILES = frozenset({"check", "doctor", "evaluate", "record", "replay", "suggest", "what-if"})
"""Commands whose arguments may be paths."""


def main() -> None:
    """Print the completions of `sys.argv`; nothing but the number where there are none."""
    *words, unfinished = sys.argv[1:] or [""]
    found = completions(words, unfinished)
    if found:
        print(found)  # noqa: T201
    print(NO_FILES if found or not TAKES_FILES.intersection(words[:1]) else FILES)  # noqa: T201


def completions(words: list[str], unfinished: str) -> str:
    """As typer gives them to a fish shell: value, tab, help. Empty where something goes wrong: a shell waits."""
    line = " ".join(["scalewarden", *map(shlex.quote, words), ""]) + unfinished
    asked = {COMPLETE: "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_ARGS": line}
    os.environ.update(asked)
    out = io.StringIO()
    with suppress(SystemExit, Exception), redirect_stdout(out), redirect_stderr(io.StringIO()):
        app(prog_name="scalewarden", complete_var=COMPLETE)
    return out.getvalue().strip()


if __name__ == "__main__":
    main()
