"""`scalewarden check` as a pipeline meets it: exit codes, formats, configuration, baseline and base."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from io import BytesIO, TextIOWrapper
from pathlib import Path

import jsonschema_rs
import pytest

from tests.unit.check.manifests import BRAKE, CPU, QUEUE, deployment, hpa, prometheus, scaled, write
from tests.unit.cli.command import Command, Ran

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one mistake of each level, which is where the command runs."""
    write(tmp_path, k8s__app=deployment(), k8s__hpa=hpa(CPU))
    monkeypatch.chdir(tmp_path)
    return tmp_path


Check = Callable[..., Ran]


@pytest.fixture
def check(scalewarden: Command) -> Check:
    """Runs the command."""
    return partial(scalewarden, "check")


def test_an_error_fails_and_a_warning_does_not(repository: Path, check: Check) -> None:
    assert check("k8s").code == 1
    assert check("k8s", "--mode", "warn").code == 0
    write(repository, k8s__hpa=hpa(QUEUE))
    assert check("k8s").code == 0
    write(repository, k8s__hpa=hpa(QUEUE, BRAKE))
    found = check("k8s")
    assert (found.code, found.out) == (
        0,
        "0 errors, 0 warnings, 0 notes in 2 files: 2 of 2 objects concern LLM inference\n",
    )


def test_text_underlines_the_line_and_says_what_to_write(repository: Path, check: Check) -> None:
    lines = check("k8s/hpa.yaml", "k8s/app.yaml").out.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("k8s/hpa.yaml:8: error: "))
    assert lines[at].endswith("[ASC601]")
    assert lines[at + 1].startswith("  8 |   metrics: [{type: Resource, resource: {name: cpu")
    marked = lines[at + 2].index("^")
    assert lines[at + 1][marked : marked + lines[at + 2].count("^")] == "name: cpu"
    assert lines[at + 3].startswith("  = HorizontalPodAutoscaler/serving/llama: Scale on waiting requests")
    assert lines[at + 4] == "  = write:"


def test_json_is_as_its_schema_says(repository: Path, check: Check) -> None:
    found = json.loads(check("k8s", "-o", "json").out)
    schema = json.loads((ROOT / "docs/reference/check.schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(found)
    assert found["summary"] | {"errors": 1, "warnings": 1, "files": 2} == found["summary"]
    first = next(one for one in found["findings"] if one["rule"] == "ASC601")
    assert {key: first[key] for key in ("level", "file", "line", "object")} == {
        "level": "error", "file": "k8s/hpa.yaml", "line": 8, "object": "HorizontalPodAutoscaler/serving/llama",
    }  # fmt: skip


def test_sarif_names_the_line_and_the_rule(repository: Path, check: Check) -> None:
    log = json.loads(check("k8s", "-o", "sarif").out)
    (ran,) = log["runs"]
    assert log["version"] == "2.1.0" and ran["tool"]["driver"]["name"] == "Scalewarden"
    result = next(one for one in ran["results"] if one["ruleId"] == "ASC601")
    assert ran["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "ASC601"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "k8s/hpa.yaml" and place["region"]["startLine"] == 8
    assert result["level"] == "error"


def test_github_shows_each_finding_beside_its_line(repository: Path, check: Check) -> None:
    lines = check("k8s", "-o", "github").out.splitlines()
    assert sum(line.startswith("::error file=k8s/hpa.yaml,line=8,") for line in lines) == 1
    assert sum(line.startswith("::warning file=k8s/hpa.yaml,line=4,") for line in lines) == 1
    assert all("%0A" in line for line in lines)


def test_junit_fails_by_errors_only(repository: Path, check: Check) -> None:
    tree = ET.fromstring(check("k8s", "-o", "junit").out)
    assert (tree.get("tests"), tree.get("failures")) == ("2", "1")
    write(repository, k8s__hpa=hpa(QUEUE, BRAKE))
    tree = ET.fromstring(check("k8s", "-o", "junit").out)
    assert (tree.get("tests"), tree.get("failures")) == ("1", "0")


def test_stdin_is_read(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{deployment()}---\n{hpa(CPU)}".encode()
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(text)))
    found = check("-", "-o", "json")
    assert found.code == 1
    assert {one["file"] for one in json.loads(found.out)["findings"]} == {"<stdin>"}


def test_bad_input_is_told_beside_what_could_be_judged(repository: Path, check: Check) -> None:
    (repository / "k8s" / "broken.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nspec: a: b\n", "utf-8")
    found = check("k8s", "-o", "json")
    assert found.code == 2
    assert json.loads(found.out)["summary"]["errors"] == 1
    assert json.loads(found.out)["bad"][0]["line"] == 3
    assert "k8s/broken.yaml:3: not YAML" in found.err


def test_the_configuration_of_the_folder(repository: Path, check: Check) -> None:
    config = repository / ".scalewarden.yaml"
    config.write_text("rules: {ASC604: 'off', ASC601: warning}\n", "utf-8")
    found = check("k8s", "-o", "json")
    assert found.code == 0
    assert [(one["rule"], one["level"]) for one in json.loads(found.out)["findings"]] == [("ASC601", "warning")]
    config.write_text("exclude: ['k8s/*', app.yaml, hpa.yaml]\n", "utf-8")
    assert json.loads(check("k8s", "-o", "json").out)["summary"]["files"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: {ASC999: error}", "rules.ASC999: there is no such rule"),
        ("rules: {ASC601: loud}", "rules.ASC601"),
        ("colour: red", "colour"),
        ("thresholds: {kvUsage: '0.5'}", "unknown threshold 'kvUsage'"),
        ("thresholds: {kvUsageAllow: many}", "'many' is not a number"),
        (": : :", "not YAML"),
    ],
)
def test_a_bad_configuration_says_what_and_where(repository: Path, check: Check, text: str, said: str) -> None:
    (repository / ".scalewarden.yaml").write_text(text, "utf-8")
    found = check("k8s")
    assert found.code == 2 and found.out == ""
    assert said in found.err and ".scalewarden.yaml" in found.err and "hint: " in found.err


def test_a_baseline_lets_an_old_repository_begin(repository: Path, check: Check) -> None:
    assert check("k8s", "--write-baseline", "known.txt").code == 0
    found = check("k8s", "--baseline", "known.txt")
    assert found.code == 0 and found.out.endswith("; 2 findings of the baseline not shown\n")
    write(repository, k8s__hpa="\n\n" + hpa(CPU), k8s__other=hpa(CPU, BRAKE, name="other"))
    write(repository, k8s__third=deployment(name="other"))
    fresh = json.loads(check("k8s", "--baseline", "known.txt", "-o", "json").out)
    assert [one["file"] for one in fresh["findings"]] == ["k8s/other.yaml"]
    assert check("k8s", "--baseline", "nowhere.txt").code == 2


def test_counts_that_a_change_lowers(repository: Path, check: Check) -> None:
    write(repository, before__app=deployment(), before__hpa=hpa(QUEUE, BRAKE))
    write(repository, k8s__app=deployment().replace("replicas: 4", "replicas: 2"))
    write(repository, k8s__hpa=hpa(QUEUE, BRAKE).replace("maxReplicas: 8", "maxReplicas: 3"))
    found = json.loads(check("k8s", "--base", "before", "-o", "json").out)["findings"]
    assert [(one["rule"], one["level"], one["file"], one["field"]) for one in found] == [
        ("SCL501", "warning", "k8s/app.yaml", "spec.replicas"),
        ("SCL501", "warning", "k8s/hpa.yaml", "spec.maxReplicas"),
    ]
    assert "lowers replicas from 4 to 2" in found[0]["message"]


@pytest.mark.parametrize(
    ("before", "after", "lowers"),
    [("3", "1", "from 3 to 1"), ("", "1", "from 2 to 1"), ("1", "3", ""), ("", "2", ""), ("3", "", "")],
)
def test_a_pause_of_keda_at_fewer(repository: Path, check: Check, before: str, after: str, lowers: str) -> None:
    def paused(count: str) -> str:
        one = scaled(prometheus("sum(vllm:num_requests_waiting)"), low=2)
        note = f'metadata: {{annotations: {{autoscaling.keda.sh/paused-replicas: "{count}"}}, '
        return one.replace("metadata: {", note, 1) if count else one

    write(repository, before__app=deployment(), before__scaler=paused(before))
    write(repository, k8s__app=deployment(), k8s__scaler=paused(after))
    found = json.loads(check("k8s", "--base", "before", "-o", "json").out)["findings"]
    told = [one for one in found if one["rule"] == "SCL501"]
    assert [
        one["message"].partition(" lowers autoscaling.keda.sh/paused-replicas ")[2][: len(lowers)] for one in told
    ] == ([lowers] if lowers else [])


def test_a_count_under_the_declared_minimum_is_an_error(repository: Path, check: Check) -> None:
    declared = """\
apiVersion: scalewarden.dev/v1alpha1
kind: InferenceDeployment
metadata: {name: chat, namespace: serving}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: llama}
  policy: {minReplicas: 3}
"""
    write(repository, before__app=deployment(), k8s__chat=declared)
    write(repository, k8s__app=deployment().replace("replicas: 4", "replicas: 2"), k8s__hpa=hpa(QUEUE, BRAKE))
    found = check("k8s", "--base", "before", "-o", "json")
    assert found.code == 1
    assert "declares a minimum of 3" in json.loads(found.out)["findings"][0]["message"]


def test_a_web_server_may_be_lowered(repository: Path, check: Check) -> None:
    web = deployment("nginx", gpu=False, name="web")
    write(repository, before__web=web, k8s__web=web.replace("replicas: 4", "replicas: 1"), k8s__hpa=hpa(QUEUE, BRAKE))
    assert json.loads(check("k8s", "--base", "before", "-o", "json").out)["findings"] == []


def test_a_git_ref_is_a_base(repository: Path, check: Check) -> None:
    def git(*command: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *command], check=True, capture_output=True, cwd=repository)

    write(repository, k8s__hpa=hpa(QUEUE, BRAKE))
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    write(repository, k8s__app=deployment().replace("replicas: 4", "replicas: 3"))
    found = json.loads(check("k8s", "--base", "HEAD", "-o", "json").out)["findings"]
    assert [one["field"] for one in found] == ["spec.replicas"]
    bad = check("k8s", "--base", "no-such-ref")
    assert bad.code == 2 and "--base no-such-ref" in bad.err and "hint: give a folder" in bad.err


@pytest.fixture
def git(repository: Path) -> Callable[..., None]:
    """A repository of production and staging, in which this is branch `change`, cut from `main`."""

    def run(*command: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *command], check=True, capture_output=True, cwd=repository)

    write(repository, k8s__hpa=hpa(QUEUE, BRAKE, name="other"), k8s__app=deployment(name="other"))
    write(
        repository, k8s__prod__chat=deployment(), k8s__staging__chat=deployment().replace("replicas: 4", "replicas: 1")
    )
    run("init", "-q", "-b", "main")
    run("add", ".")
    run("commit", "-qm", "first")
    run("checkout", "-qb", "change")
    return run


def lowered(check: Check, *paths: str, base: str = "main") -> list[tuple[str, str]]:
    found = json.loads(check(*paths, "--base", base, "-o", "json").out)["findings"]
    return [(one["file"], one["message"].partition(" lowers ")[2].partition(":")[0]) for one in found]


def test_each_environment_is_compared_with_itself(repository: Path, check: Check, git: Callable[..., None]) -> None:
    assert lowered(check, "k8s") == []
    write(repository, k8s__prod__chat=deployment().replace("replicas: 4", "replicas: 3"))
    assert lowered(check, "k8s") == [("k8s/prod/chat.yaml", "replicas from 4 to 3")]


def test_what_was_merged_since_is_no_change_of_this_branch(
    repository: Path, check: Check, git: Callable[..., None]
) -> None:
    git("checkout", "-q", "main")
    write(repository, k8s__prod__chat=deployment().replace("replicas: 4", "replicas: 12"))
    git("commit", "-qam", "raise")
    git("checkout", "-q", "change")
    assert lowered(check, "k8s") == []


def test_a_count_that_is_left_out_is_its_default(repository: Path, check: Check, git: Callable[..., None]) -> None:
    write(repository, k8s__prod__chat=deployment().replace("  replicas: 4\n", ""))
    write(repository, k8s__hpa=hpa(QUEUE, BRAKE, name="other").replace("  minReplicas: 2\n", ""))
    write(repository, k8s__app=deployment(name="other").replace("  replicas: 4\n", ""))  # its HPA counts
    assert lowered(check, "k8s") == [
        ("k8s/hpa.yaml", "minReplicas from 2 to 1, the default where nothing is written"),
        ("k8s/prod/chat.yaml", "replicas from 4 to 1, the default where nothing is written"),
    ]


def test_stdin_has_no_earlier_version_and_that_is_said(
    check: Check, git: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(deployment().replace("4", "1").encode())))
    assert "give --base a folder with what was rendered before" in check("-", "--base", "main").out


def test_an_empty_stdin_is_bad_input(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"\n")))
    ran = check("-")
    assert ran.code == 2 and "it is empty: did the command before it fail?" in ran.out


def test_what_is_excluded_is_so_from_where_the_command_runs_and_when_it_is_named(
    repository: Path, check: Check
) -> None:
    for pattern in ("k8s", "k8s/*", "k8s/hpa.yaml", "hpa.yaml"):
        (repository / ".scalewarden.yaml").write_text(f"exclude: ['{pattern}']\n", "utf-8")
        for path in ("k8s", "k8s/hpa.yaml", str(repository / "k8s" / "hpa.yaml")):
            assert check(path).code == 0, (pattern, path)


def test_a_file_that_is_given_twice_is_read_once(repository: Path, check: Check) -> None:
    write(repository, k8s__so=scaled(prometheus("sum(vllm:num_requests_waiting)")))
    once = check("k8s", "-o", "json").out
    assert check("k8s", "k8s/so.yaml", "./k8s/hpa.yaml", "-o", "json").out == once


def test_a_bare_off_is_off(repository: Path, check: Check) -> None:
    (repository / ".scalewarden.yaml").write_text("rules: {ASC601: off, ASC604: off}\n", "utf-8")
    assert json.loads(check("k8s", "-o", "json").out)["findings"] == []


def test_a_baseline_holds_however_a_path_is_written(repository: Path, check: Check) -> None:
    check("k8s", "--write-baseline", "known.txt")
    for path in ("./k8s", str(repository / "k8s"), "k8s/../k8s"):
        assert json.loads(check(path, "--baseline", "known.txt", "-o", "json").out)["findings"] == []


def test_sarif_escapes_what_is_no_part_of_a_uri(repository: Path, check: Check) -> None:
    folder = repository / "my dir,x"
    folder.mkdir()
    (folder / "a %41.yaml").write_text(f"{deployment()}---\n{hpa(CPU)}", "utf-8")
    log = json.loads(check("my dir,x", "-o", "sarif").out)
    (uri,) = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["runs"][0]["results"]}
    assert uri == "my%20dir%2Cx/a%20%2541.yaml"


def test_an_unknown_path_is_bad_input(repository: Path, check: Check) -> None:
    found = check("nowhere")
    assert found.code == 2
    assert found.err.startswith("error: nowhere: there is no such file or folder\nhint: ")
