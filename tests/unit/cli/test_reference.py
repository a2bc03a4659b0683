"""The reference pages of the command line are what the code says."""

import pytest

from scalewarden.cli.main import SUMMARIES
from tools.docs import cli, files


def test_committed_pages_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert files.main("tools.docs.cli", cli.render, ["--check"]) == 0, capsys.readouterr().err


def test_the_page_has_a_section_for_every_command() -> None:
    page = cli.render()[cli.PAGE]
    assert [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")] == list(SUMMARIES)
