"""The entry point: fast help, errors in two lines, exit codes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scalewarden import __version__
from scalewarden.cli.main import SUMMARIES, main, module
from scalewarden.model.crd_manifest import manifests
from tests.unit.check.manifests import deployment
from tests.unit.cli.command import Command
from tests.unit.cli.synthetic import write

HEAVY = ("kopf", "kubernetes", "aiohttp", "rich", "prometheus_api_client", "scalewarden.judgement", "yaml", "pydantic")


def imported_by(*arguments: str) -> list[str]:
    """The modules that a process has imported when the command is done."""
    program = (
        f"import sys; sys.argv = ['scalewarden', *{arguments!r}]\n"
        "from scalewarden.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ran.stderr.split()


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from scalewarden.cli.main import app; app(['--help'], standalone_mode=False); "
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = ran.stderr.split()
    assert "scalewarden.cli.main" in imported
    assert [name for name in imported if name.split(".")[0] in HEAVY or name in HEAVY] == []


def test_help_lists_every_command_with_its_summary(scalewarden: Command) -> None:
    ran = scalewarden("--help")
    assert ran.code == 0
    for name, summary in SUMMARIES.items():
        assert f"  {name}" in ran.out
        assert summary in ran.out


def test_without_arguments_the_help_is_shown(scalewarden: Command) -> None:
    ran = scalewarden()
    assert "Commands:" in ran.out + ran.err


def test_an_unknown_command_is_a_usage_error(scalewarden: Command) -> None:
    ran = scalewarden("evalute")
    assert (ran.code, ran.out) == (2, "")
    assert "No such command 'evalute'. Did you mean 'evaluate'?" in ran.err
    assert "No such command 'xyz'." in scalewarden("xyz").err


def test_version(scalewarden: Command) -> None:
    assert scalewarden("version").out == f"scalewarden {__version__}\n"


def test_crd_prints_what_kubectl_can_apply(scalewarden: Command) -> None:
    assert tuple(yaml.safe_load_all(scalewarden("crd").out)) == manifests()


@pytest.mark.parametrize("arguments", [["evaluate"], ["evaluate", ".", "--scale-to", "-1"], ["rules", "-o", "xml"]])
def test_wrong_usage_exits_with_2(scalewarden: Command, arguments: list[str]) -> None:
    ran = scalewarden(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert "Usage: scalewarden" in ran.err


def test_a_terminal_without_unicode_gets_question_marks(tmp_path: Path) -> None:
    folder = write(tmp_path, span=60, replicas=2)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}
    program = [sys.executable, "-m", "scalewarden.cli.main", "evaluate", str(folder)]
    ran = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert ran.stderr == ""
    assert "What would happen: 2 ? 1 replica" in ran.stdout


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(tmp_path: Path, no_color: str, coloured: bool) -> None:
    folder = write(tmp_path, span=60, replicas=2)
    environment = {**os.environ, "FORCE_COLOR": "1", "NO_COLOR": no_color, "TERM": "xterm"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    program = [sys.executable, "-m", "scalewarden.cli.main", "evaluate", str(folder)]
    ran = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]m", ran.stdout)) is coloured


def test_version_is_also_an_option(scalewarden: Command) -> None:
    assert scalewarden("--version").out == f"scalewarden {__version__}\n"


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_the_start_imports_nothing_heavy(arguments: list[str]) -> None:
    imported = imported_by(*arguments)
    assert "scalewarden.cli.main" in imported
    assert [name for name in imported if name.split(".")[0] in HEAVY or name in HEAVY] == []


@pytest.mark.parametrize("command", SUMMARIES)
def test_the_help_of_a_command_imports_no_work(command: str) -> None:
    imported = imported_by(command, "--help")
    assert f"scalewarden.cli.{module(command)}" in imported
    ours = {".".join(name.split(".")[:2]) for name in imported if name.startswith("scalewarden.")}
    assert ours <= {"scalewarden.cli", "scalewarden.errors", "scalewarden.model"}
    assert [name for name in imported if name.split(".")[0] in HEAVY or name in HEAVY] == []
    assert [name for name in imported if name.endswith("_work")] == []


def test_a_command_without_arguments_asks_no_pydantic() -> None:
    assert "pydantic" not in imported_by("version")


@pytest.mark.parametrize(
    ("started", "named"),
    [("/usr/bin/kubectl-scalewarden", "kubectl scalewarden"), ("kubectl-scalewarden.exe", "kubectl scalewarden"),
     ("/usr/bin/scalewarden", "scalewarden"), ("/x/scalewarden/cli/main.py", "scalewarden")],
)  # fmt: skip
def test_usage_lines_say_how_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], started: str, named: str
) -> None:
    for arguments in (["--help"], ["what-if", "--help"], ["rules", "-o", "xml"]):
        monkeypatch.setattr(sys, "argv", [started, *arguments])
        with pytest.raises(SystemExit):
            main()
        printed = capsys.readouterr()
        words = " ".join([named, *arguments[:1]] if arguments[0] != "--help" else [named])
        assert f"Usage: {words} [OPTIONS]" in printed.out + printed.err


def test_a_check_of_manifests_imports_no_client_of_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(deployment())
    imported = imported_by("check", str(tmp_path), "--base", str(tmp_path))
    heavy = {"kopf", "kubernetes", "aiohttp", "prometheus_api_client", "pandas", "matplotlib"}
    assert "scalewarden.app.checking" in imported
    assert heavy & set(imported) == set()
