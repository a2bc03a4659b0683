"""`python -m tools.mutants [MODULE…]`: change the code a little, again and again, and see whether a test notices.

mutmut works on a copy below the cache, in which the source root is called `src`: it names modules by their path. It has
an environment of its own there, so that nobody who only wants to run the tests installs it. MODULE is a path below
operator/scalewarden, such as judgement/decide.py or rules; judgement and rules by default.
"""

import argparse
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = "3.8.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scalewarden" / f"mutants-{VERSION}"

TESTS = (
    "tests/unit/judgement", "tests/rules/test_rules.py::test_case", "tests/rules/test_stuck.py", "tests/incidents",
    "tests/contract/test_evaluate.py",
)  # fmt: skip
"""Fast, and the same at every run: generated examples would make a mutant live today and die tomorrow. Tests that read
the source are left out: a mutated module has another."""

COPIED = ("tests", "tools", "examples", "docs", "crds", "charts", "pyproject.toml", "Makefile", "README.md")


def main() -> int:
    """Run; the survivors are printed at the end, and `mutmut show NAME` in the copy shows one."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description="Mutation testing of the pure core.")
    parser.add_argument("modules", nargs="*", default=["judgement", "rules"], help="paths below operator/scalewarden")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="what may notice a change (default: %(default)s)")
    told = parser.parse_args()
    mutmut = installed()
    copy = copied(told.modules, told.tests)
    code = subprocess.run([mutmut, "run", "--max-children", "1"], cwd=copy, check=False).returncode
    subprocess.run([mutmut, "results"], cwd=copy, check=False)
    print(f"look at one: cd {copy} && {mutmut} show NAME", file=sys.stderr)
    return code


def installed() -> Path:
    """mutmut, in an environment that also sees this one's packages."""
    command = CACHE / "env" / "bin" / "mutmut"
    if not command.exists():
        print(f"installing mutmut {VERSION} into {CACHE} …", file=sys.stderr)
        venv.create(CACHE / "env", with_pip=True)
        pip = CACHE / "env" / "bin" / "pip"
        subprocess.run([pip, "install", "-q", "--disable-pip-version-check", f"mutmut=={VERSION}"], check=True)
    packages = next((CACHE / "env" / "lib").iterdir()) / "site-packages"
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "project.pth").write_text(f"{ours}\n", encoding="utf-8")
    return command


def copied(modules: Sequence[str], tests: Sequence[str]) -> Path:
    """A fresh copy of the checkout with `operator` as `src`, and what mutmut is told."""
    copy = CACHE / "work"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in COPIED:
        _copy(ROOT / name, copy / name)
    _copy(ROOT / "operator", copy / "src")
    project = (copy / "pyproject.toml").read_text(encoding="utf-8")
    moved = project.replace('pythonpath = ["operator", "."]', 'pythonpath = ["src", "."]')
    (copy / "pyproject.toml").write_text(moved, encoding="utf-8")
    (copy / "setup.cfg").write_text(_settings(modules, tests), encoding="utf-8")
    return copy


def _copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, to)


def _settings(modules: Sequence[str], tests: Sequence[str]) -> str:
    only = [f"src/scalewarden/{one}" if one.endswith(".py") else f"src/scalewarden/{one}/*" for one in modules]
    lists = {
        "source_paths": ["src/scalewarden"],
        "only_mutate": only,
        "also_copy": ["src", *COPIED],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-x", "-m", "not hypothesis"],
        "pytest_add_cli_args_test_selection": list(tests),
    }
    told = [f"{key}=\n" + "\n".join(f"    {one}" for one in values) for key, values in lists.items()]
    return "\n".join(["[mutmut]", *told, "use_git_change_detection=false", "track_dependencies=false", ""])


if __name__ == "__main__":
    sys.exit(main())
