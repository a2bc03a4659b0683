"""`operator/` is a source root: it must never shadow the standard library's `operator`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROBE = "import operator, scalewarden; print(operator.itemgetter(0)('x'), operator.__file__)"


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_folder_is_not_a_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not list((ROOT / "operator").glob("*.py"))


def test_import_under_pytest_is_the_standard_librarys() -> None:
    import operator

    assert not str(Path(operator.__file__)).startswith(str(ROOT / "operator"))


@pytest.mark.parametrize("path", [[], ["-P"]])
def test_import_from_the_root_is_the_standard_librarys(path: list[str]) -> None:
    letter, file = run(*path, "-c", PROBE).split()
    assert letter == "x"
    assert not file.startswith(str(ROOT / "operator"))


def test_modules_run_from_the_root() -> None:
    assert "usage" in run("-m", "pytest", "--help")
    assert "usage" in run("-m", "mypy", "--help")


def test_mypy_takes_operator_for_the_standard_librarys(tmp_path: Path) -> None:
    probe = tmp_path / "probe.py"
    probe.write_text("import operator\nimport scalewarden\nreveal_type(operator.add)\n")
    said = run("-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path), str(probe))
    assert "def (a: Any, b: Any" in said or "Overload" in said or "def (" in said
