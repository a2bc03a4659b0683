"""`scalewarden replay` on recordings: text, JSON, HTML, one or several, and bad input."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from scalewarden.cli import replay as replaying
from scalewarden.errors import PartialResponse
from scalewarden.surfaces.replay_json_models import ReplayDocument
from tests.unit.cli.command import Command
from tests.unit.cli.synthetic import write
from tests.unit.replay.test_reader import Server
from tests.unit.sources.loopback import http_server

RECORDINGS = Path(__file__).parents[3] / "examples" / "recordings"
UNSAFE = RECORDINGS / "scaledown-users-unsafe-drained"


def test_a_recorded_decrease_is_judged_and_told(scalewarden: Command) -> None:
    ran = scalewarden("replay", UNSAFE)
    assert ran.code == 0 and "1 decrease on 1 service: 0 would have passed, 1 been refused, 0 held." in ran.out
    assert "2 → 1" in ran.out and "KVCachePressure" in ran.out and "1.71" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


def test_several_recordings_are_services_of_their_own(scalewarden: Command) -> None:
    found = json.loads(scalewarden("replay", RECORDINGS, "-o", "json").out)
    assert found["summary"]["services"] == len(found["services"]) == 7
    assert found["services"][0]["inferenceDeployment"] == "serving/svc (burst-drain)"
    assert sum(one["totals"]["evaluations"] for one in found["services"]) == found["summary"]["evaluations"]


def test_the_page_is_written_to_a_file(scalewarden: Command, tmp_path: Path) -> None:
    ran = scalewarden("replay", UNSAFE, "-o", "html", "-O", tmp_path / "report.html")
    assert ran.code == 0 and ran.out == "" and "report.html" in ran.err
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_text_and_json_go_to_a_file_too(scalewarden: Command, tmp_path: Path) -> None:
    scalewarden("replay", UNSAFE, "-O", tmp_path / "report.txt")
    assert (tmp_path / "report.txt").read_text().strip() == scalewarden("replay", UNSAFE).out.strip()
    scalewarden("replay", UNSAFE, "-o", "json", "-O", tmp_path / "report.json")
    ReplayDocument.model_validate_json((tmp_path / "report.json").read_text())


def test_a_part_of_the_time(scalewarden: Command) -> None:
    whole = json.loads(scalewarden("replay", RECORDINGS / "scaleup-rescue", "-o", "json", "--step", "5s").out)
    part = json.loads(
        scalewarden(
            "replay", RECORDINGS / "scaleup-rescue", "-o", "json", "--step", "5s", "--from", "2026-11-22T00:23:00Z"
        ).out
    )
    assert 0 < part["summary"]["evaluations"] < whole["summary"]["evaluations"]
    assert part["services"][0]["timeline"]["at"][0] >= "2026-11-22T00:23:00Z"


def test_what_lies_outside_is_said(scalewarden: Command) -> None:
    ran = scalewarden("replay", UNSAFE, "--from", "2026-11-22T03:00:00Z", "--to", "2026-11-22T04:00:00Z")
    assert ran.code == 0 and "nothing of it lies between the two instants" in ran.out


def test_an_interrupted_replay_shows_what_was_done(scalewarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = replaying.of_recording, []

    def second_is_interrupted(*arguments: Any) -> Any:
        seen.append(1)
        if len(seen) > 1:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(replaying, "of_recording", second_is_interrupted)
    ran = scalewarden("replay", RECORDINGS)
    assert ran.code == 130 and "Ended before its time" in ran.out and "burst-drain" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give a recording's folder or --prometheus URL"),
        ([UNSAFE, "--prometheus", "http://localhost:9"], "give a recording's folder or --prometheus URL"),
        ([UNSAFE, "--from", "yesterday"], "'yesterday' is no instant"),
        ([UNSAFE, "--step", "0s"], "less than a second"),
        ([UNSAFE, "--step", "often"], "not a duration"),
        ([UNSAFE, "--from", "2026-11-22T04:00:00Z", "--to", "2026-11-22T03:00:00Z"], "end before it begins"),
        (["nowhere"], "there is no such folder"),
        ([Path(__file__).parent], "no recording.yaml is in it"),
        (["--prometheus", "gopher://x", "--objects", "OBJECTS"], "not an http or https URL"),
        (["--prometheus", "http://localhost:9", "--objects", "OBJECTS", "--service", "other"], "there is no "),
        (["--prometheus", "http://localhost:9", "--objects", "EMPTY"], "no workload for LLM inference is in it"),
        (["--prometheus", "http://localhost:9", "--objects", "BROKEN"], "objects.yaml"),
        ([UNSAFE, "-O", "/nowhere/at/all.html", "-o", "html"], "cannot be written"),
    ],
)
def test_bad_input_is_two_lines(scalewarden: Command, tmp_path: Path, arguments: list[Any], said: str) -> None:
    texts = {"OBJECTS": SERVICE, "EMPTY": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n", "BROKEN": "a: [\n"}
    (tmp_path / "objects.yaml").write_text(next((texts[one] for one in arguments if one in texts), ""))
    given = [tmp_path / "objects.yaml" if one in texts else one for one in arguments]
    ran = scalewarden("replay", *given)
    assert ran.code == 2 and said in ran.err and "Traceback" not in ran.err


SERVICE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat, namespace: serving}
spec:
  template: {spec: {containers: [{name: vllm, image: "vllm/vllm-openai:v0.19.0", args: [--model, m]}]}}
"""


def test_a_server_that_is_not_there_is_named(scalewarden: Command, tmp_path: Path) -> None:
    (tmp_path / "objects.yaml").write_text(SERVICE)
    ran = scalewarden("replay", "--prometheus", "http://127.0.0.1:9", "--objects", tmp_path / "objects.yaml")
    assert ran.code == 2 and "127.0.0.1:9" in ran.err


@pytest.mark.parametrize(("text", "before"), [("90m", 5400.0), ("7d", 604_800.0), ("24h", 86_400.0)])
def test_so_long_ago(text: str, before: float) -> None:
    assert replaying._instant(text, 1e9) == 1e9 - before


def test_a_short_recording_counts_its_beginning_as_safe(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, intent={"from": 3, "to": 2, "actor": "user"})
    found = json.loads(scalewarden("replay", folder, "-o", "json").out)
    (service,) = found["services"]
    assert [one["actor"] for one in service["decisions"]] == ["user"]
    assert os.fspath(folder) not in json.dumps(found)


async def test_a_service_that_cannot_be_read_is_left_out_and_said(
    scalewarden: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one's answer is partial; the first is shown all the same."""
    real = replaying.of_prometheus

    def second_fails(subject: Any, *more: Any) -> Any:
        if subject.declared.name == "other":
            raise PartialResponse("Prometheus says that its answer is partial", where="http://prometheus")
        return real(subject, *more)

    monkeypatch.setattr(replaying, "of_prometheus", second_fails)
    (tmp_path / "objects.yaml").write_text(f"{SERVICE}---\n{SERVICE.replace('name: chat', 'name: other')}")
    async with http_server(Server({})) as port:
        ran = await asyncio.to_thread(
            scalewarden, "replay", "--prometheus", f"http://127.0.0.1:{port}", "--objects", tmp_path / "objects.yaml",
            "--from", "10m", "-o", "json",
        )  # fmt: skip
    notes = json.loads(ran.out)["notes"]
    assert ran.code == 0 and any(note.startswith("serving/other is left out: ") for note in notes)
    assert "serving/chat: Prometheus has no samples of its pods from that time." in notes
