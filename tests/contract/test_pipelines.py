"""What pipelines are told to run, run: the action's steps, the GitLab job's script, the pre-commit hook's entry."""

import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.check.manifests import BRAKE, CPU, QUEUE, deployment, hpa, write

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
JOB = yaml.safe_load((ROOT / "examples/ci/gitlab.yml").read_text(encoding="utf-8"))["scalewarden"]
WORKFLOW = yaml.safe_load((ROOT / "examples/ci/github.yml").read_text(encoding="utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""As GitHub runs `shell: bash`."""
INSTALLS = ("pip install", "apt-get")

Ran = subprocess.CompletedProcess[str]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone with a branch that lowers a count; origin/main is the base."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    write(origin, k8s__app=deployment(), k8s__hpa=hpa(QUEUE, BRAKE), other__hpa=hpa(QUEUE, BRAKE, name="other"))
    git(origin, "init", "-q", "-b", "main")
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "first")
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    return clone


def git(folder: Path, *command: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *command], check=True, capture_output=True, cwd=folder)


@pytest.fixture
def shell(tmp_path: Path, repository: Path) -> Callable[..., Ran]:
    """Runs lines in the clone, where `scalewarden` is this checkout's."""
    bins = tmp_path / "bin"
    bins.mkdir()
    program = bins / "scalewarden"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m scalewarden.cli.main "$@"\n')
    program.chmod(0o755)

    def run(lines: str, **variables: str) -> Ran:
        path = f"{bins}:{os.environ['PATH']}"
        environment = {"PATH": path, "PYTHONPATH": str(ROOT / "operator"), "HOME": str(tmp_path), **variables}
        return subprocess.run(
            [*SHELL, lines], capture_output=True, text=True, check=False, env=environment, cwd=repository, timeout=120
        )

    return run


def step(name: str) -> dict[str, Any]:
    return next(one for one in ACTION["runs"]["steps"] if one.get("name") == name)


def filled(text: str, inputs: dict[str, str]) -> str:
    """`${{ inputs.x }}` as GitHub fills it in; an input that is not declared is a mistake."""
    defaults = {name: one["default"] for name, one in ACTION["inputs"].items()}
    assert set(inputs) <= set(defaults)
    return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: str({**defaults, **inputs}[found[1]]), text)


def action(shell: Callable[..., Ran], **inputs: str) -> Ran:
    check = step("Check")
    variables = {name: filled(value, inputs) for name, value in check["env"].items()}
    assert "${{" not in check["run"], "what a pull request names must come by the environment"
    return shell(check["run"], **variables)


def test_the_action_shows_findings_beside_their_lines(shell: Callable[..., Ran], repository: Path) -> None:
    assert (action(shell).returncode, action(shell).stdout) == (0, "")
    write(repository, k8s__hpa=hpa(CPU, BRAKE))
    ran = action(shell, paths="k8s")
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout.startswith("::error file=k8s/hpa.yaml,line=8,")
    assert action(shell, paths="k8s", mode="warn").returncode == 0


def test_the_action_compares_with_the_base_of_the_pull_request(shell: Callable[..., Ran], repository: Path) -> None:
    write(repository, k8s__app=deployment().replace("replicas: 4", "replicas: 2"))
    (given,) = (one["with"] for one in WORKFLOW["jobs"]["check"]["steps"] if "with" in one and "paths" in one["with"])
    base = given["base"].replace("${{ github.base_ref }}", "main")
    ran = action(shell, **{**given, "base": base})
    assert ran.returncode == 0, ran.stderr
    assert "::warning file=k8s/app.yaml,line=5," in ran.stdout and "lowers replicas from 4 to 2" in ran.stdout
    asked = action(shell, **{**given, "base": base, "prometheus": "http://127.0.0.1:9"})
    assert asked.returncode == 0 and "whether that is safe is not known: http://127.0.0.1:9" in asked.stdout
    gone = action(shell, paths="k8s", base="origin/gone")
    assert gone.returncode == 2 and "hint: give a folder, or a branch" in gone.stderr


@pytest.mark.parametrize("paths", ["k8s other", "k8s\nother\n", "  k8s   other "])
def test_the_action_takes_several_paths(shell: Callable[..., Ran], repository: Path, paths: str) -> None:
    write(repository, k8s__hpa=hpa(CPU, BRAKE), other__app=deployment(name="other"))
    write(repository, other__hpa=hpa(CPU, BRAKE, name="other"))
    ran = action(shell, paths=paths)
    assert {line.partition(",")[0] for line in ran.stdout.splitlines()} == {
        "::error file=k8s/hpa.yaml", "::error file=other/hpa.yaml",
    }, ran.stderr  # fmt: skip


def test_a_name_in_the_pull_request_is_never_run(shell: Callable[..., Ran], repository: Path) -> None:
    ran = action(shell, paths="k8s", base="$(touch owned); touch owned")
    assert ran.returncode == 2 and not (repository / "owned").exists()


def test_the_action_writes_sarif_and_fails_all_the_same(shell: Callable[..., Ran], repository: Path) -> None:
    write(repository, k8s__hpa=hpa(CPU, BRAKE))
    assert action(shell, paths="k8s", sarif="found.sarif").returncode == 1
    (found,) = json.loads((repository / "found.sarif").read_text())["runs"]
    assert [one["ruleId"] for one in found["results"]] == ["ASC601"]


def test_the_action_installs_what_is_there() -> None:
    named = re.findall(r'"\$GITHUB_ACTION_PATH/?([^"]*)"', step("Install")["run"])
    assert named == ["requirements.lock", ""]
    assert (ROOT / "requirements.lock").is_file() and (ROOT / "pyproject.toml").is_file()
    assert "--require-hashes" in step("Install")["run"]


def test_the_gitlab_job_reports_to_the_merge_request(shell: Callable[..., Ran], repository: Path) -> None:
    lines = [one for one in JOB["script"] if not any(word in one for word in INSTALLS)]
    assert len(lines) == 1
    variables = {name: str(value) for name, value in JOB["variables"].items()}
    variables["BASE"] = variables["BASE"].replace("${CI_MERGE_REQUEST_TARGET_BRANCH_NAME}", "main")
    write(repository, k8s__app=deployment().replace("replicas: 4", "replicas: 2"))
    assert shell("\n".join(lines), **variables).returncode == 0
    write(repository, k8s__hpa=hpa(CPU, BRAKE))
    ran = shell("\n".join(lines), **variables)
    assert ran.returncode == 1, ran.stderr
    tree = ET.parse(repository / JOB["artifacts"]["reports"]["junit"]).getroot()
    assert (tree.get("tests"), tree.get("failures")) == ("2", "1")
    assert JOB["artifacts"]["when"] == "always"


def test_the_hook_judges_the_files_that_a_commit_changes(shell: Callable[..., Ran], repository: Path) -> None:
    write(repository, k8s__hpa=hpa(CPU, BRAKE))
    ran = shell(f"{HOOK['entry']} k8s/app.yaml k8s/hpa.yaml")
    assert ran.returncode == 1 and "[ASC601]" in ran.stdout
    assert HOOK["require_serial"] is True and set(HOOK["types_or"]) == {"yaml", "json"}
