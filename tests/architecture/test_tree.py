"""What the tree promises: layers, no machine's paths, modules that hold one idea."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 400
"""Lines from which a module surely holds more than one idea."""


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_modules_hold_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix == ".py" and path.is_relative_to(ROOT / "operator")
        if (lines := len(path.read_text().splitlines())) > LIMIT
    }
    assert long == {}


def test_no_path_of_the_machine_it_was_made_on() -> None:
    here = str(ROOT) + "/"
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if here in text:
            found.append(str(path.relative_to(ROOT)))
    assert found == []
