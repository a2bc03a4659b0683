"""The screen that the what-if guide shows is the one that its command prints."""

import shlex

from typer.testing import CliRunner

from scalewarden.cli.main import app
from tests.docs.pages import ROOT, blocks

GUIDE = ROOT / "docs" / "guides" / "what-if.md"


def test_the_command_prints_what_the_guide_shows() -> None:
    found = blocks(GUIDE)
    at = next(index for index, block in enumerate(found) if block.language == "text")
    _, _, *arguments = shlex.split(found[at - 1].text)
    folder = arguments.index("examples/recordings/scaledown-moderate")
    arguments[folder] = str(ROOT / arguments[folder])
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3, result.output
    assert [line.rstrip() for line in result.stdout.splitlines()] == found[at].text.splitlines()
