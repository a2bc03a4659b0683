"""Watching: shown again on change only, failures said once, Ctrl-C a clean end."""

from collections.abc import Callable, Iterator

import pytest
import typer
from rich.console import Console

from scalewarden.cli.watching import INTERRUPTED, Screen, watch
from scalewarden.errors import ClusterError


def screen(text: str) -> Screen:
    return Screen(text, lambda console: console.print(text), [text])


def looks(*answers: str | Exception) -> Callable[[], Screen]:
    """Each answer in turn, then Ctrl-C."""
    left: Iterator[str | Exception] = iter(answers)

    def look() -> Screen:
        answer = next(left, KeyboardInterrupt())
        if isinstance(answer, BaseException):
            raise answer
        return screen(answer)

    return look


def watched(*answers: str | Exception) -> int:
    with pytest.raises(typer.Exit) as ended:
        watch(looks(*answers), pause=0.0)
    return int(ended.value.exit_code)


def test_what_changes_is_a_line_and_what_does_not_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert watched("a", "a", "b", "b", "a") == INTERRUPTED
    assert capsys.readouterr().out.splitlines() == ["a", "b", "a"]


def test_a_cluster_that_goes_away_is_said_once_and_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    gone = ClusterError("the API server does not answer")
    watched("a", gone, gone, "a")
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["a", "a"]
    assert printed.err.splitlines() == ["error: the API server does not answer; trying again"]


def test_a_first_look_that_fails_is_an_error() -> None:
    with pytest.raises(ClusterError):
        watch(looks(ClusterError("not found")), pause=0.0)


def test_ctrl_c_at_the_first_look_is_clean() -> None:
    assert watched() == INTERRUPTED


def test_a_terminal_is_redrawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("scalewarden.cli.watching.console", lambda: Console(width=40))
    monkeypatch.setattr("scalewarden.cli.watching.Console", _terminal)
    assert watched("first", "second") == INTERRUPTED
    out = capsys.readouterr().out
    assert out.index("first") < out.index("second") and "\x1b[?1049h" in out and out.rstrip().endswith("\x1b[?1049l")


def _terminal(**options: object) -> Console:
    return Console(**{"force_terminal": True, "width": 40, **options})  # type: ignore[arg-type]
