"""What the guide to suggestions shows and lists is what the command prints."""

from typer.testing import CliRunner

from scalewarden.cli.main import app
from tests.docs.pages import ROOT, blocks
from tests.unit.surfaces.test_suggest import FOLLOWED

GUIDE = ROOT / "docs" / "guides" / "suggest-an-autoscaler.md"


def test_the_excerpt_is_printed() -> None:
    result = CliRunner().invoke(app, ["suggest", str(ROOT / "examples/demo/llama-70b.yaml")])
    assert result.exit_code == 0, result.output
    (excerpt,) = [block.text for block in blocks(GUIDE) if block.language == "yaml"]
    assert excerpt in result.stdout


def test_every_engine_is_listed_with_its_metrics() -> None:
    rows = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    missing = [names for names in FOLLOWED.values() if not any(all(f"`{one}`" in row for one in names) for row in rows)]
    assert missing == []
