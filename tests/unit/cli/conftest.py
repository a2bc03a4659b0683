"""`scalewarden` as a fixture."""

import pytest

from tests.unit.cli.command import Command


@pytest.fixture
def scalewarden(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs commands and gives back exit code, stdout and stderr."""
    return Command(monkeypatch, capsys)
