"""The recording that the guide tells its reader to write is one that can be judged."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scalewarden.cli.main import app
from scalewarden.sources.recording import load
from tests.docs.pages import ROOT, blocks

GUIDE = ROOT / "docs" / "guides" / "evaluate-a-recording.md"
RECORDED = ROOT / "examples" / "recordings" / "scaledown-users-unsafe-drained"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The guide's recording.yaml with real scrapes under its two sources."""
    text = next(block.text for block in blocks(GUIDE) if block.language == "yaml")
    (tmp_path / "recording.yaml").write_text(text, encoding="utf-8")
    for source, real in (("llama-70b-5d9f-abcde", "svc-a"), ("llama-70b-5d9f-fghij", "svc-b")):
        shutil.copytree(RECORDED / "scrapes" / real, tmp_path / "scrapes" / source)
    return tmp_path


def test_it_is_judged(written: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(written)])
    assert result.exit_code == 1, result.output
    assert "KVCachePressure" in result.output


def test_it_lists_what_it_says(written: Path) -> None:
    recording = load(written)
    assert [replica.pod for replica in recording.replicas] == ["llama-70b-5d9f-abcde", "llama-70b-5d9f-fghij"]
    assert recording.declared.key == "serving/llama-70b"


def test_every_key_is_explained() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    keys = ("inferenceDeployment", "objects", "replicas", "exporters", "at", "intent")
    assert [key for key in keys if f"| `{key}` |" not in text] == []
