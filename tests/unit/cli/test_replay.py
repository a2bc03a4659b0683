"""`scalewarden replay` on recordings: text, JSON, HTML, one or several, and bad input."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scalewarden.app.replay_jobs import replay_all
from scalewarden.app.replaying import PrometheusReplay, Span
from scalewarden.cli import replay_work
from scalewarden.cli.replay_span import of_history
from scalewarden.cli.replay_subjects import of_manifests
from scalewarden.errors import PartialResponse
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.surfaces.replay_json_models import ReplayDocument
from tests.prometheus_process import until
from tests.unit.cli.command import Command
from tests.unit.cli.synthetic import write
from tests.unit.replay.test_reader import NOW, RUNNING, Server, series
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
    real, seen = replay_work.of_recording, []

    def second_is_interrupted(*arguments: Any) -> Any:
        seen.append(1)
        if len(seen) > 1:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(replay_work, "of_recording", second_is_interrupted)
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
        ([UNSAFE, "--step", "1h"], "more than half an hour"),
        ([UNSAFE, "--from", "2026-11-22T04:00:00Z", "--to", "2026-11-22T03:00:00Z"], "end before it begins"),
        (["nowhere"], "there is no such folder"),
        ([Path(__file__).parent], "no recording.yaml is in it"),
        (["--prometheus", "gopher://x", "--objects", "OBJECTS"], "not an http or https URL"),
        (["--prometheus", "http://localhost:9", "--objects", "OBJECTS", "--service", "other"], "there is no "),
        (["--prometheus", "http://localhost:9", "--from", "2000-01-01T00:00:00Z"], "days are asked for"),
        (["--prometheus", "http://localhost:9", "--to", "2999-01-01T00:00:00Z"], "end in the future"),
        (["--prometheus", "http://localhost:9", "--from", "1h", "--to", "2h"], "end before it begins"),
        (["--prometheus", "http://localhost:9", "--prometheus-match", "cluster"], "not NAME=VALUE"),
        ([UNSAFE, "--prometheus-token-file", "/nowhere"], "without its URL"),
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
    span = of_history(text, None, None, 1e9)
    assert (span.start, span.end) == (1e9 - before, 1e9 - 120.0)


def test_a_day_before_the_end_is_the_beginning() -> None:
    span = of_history(None, "7d", None, 1e9)
    assert (span.start, span.end, span.step) == (1e9 - 8 * 86_400, 1e9 - 7 * 86_400, 15.0)


def test_a_recording_of_one_instant_is_replayed(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, span=0)
    ran = scalewarden("replay", folder)
    assert ran.code == 0 and "(1 evaluations)" in ran.out


def test_a_short_recording_counts_its_beginning_as_safe(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, intent={"from": 3, "to": 2, "actor": "user"})
    found = json.loads(scalewarden("replay", folder, "-o", "json").out)
    (service,) = found["services"]
    assert [one["actor"] for one in service["decisions"]] == ["user"]
    assert os.fspath(folder) not in json.dumps(found)


PODS = {name: f"{name}-7d9c5b6f4d-x2k9p" for name in ("chat", "other")}


def of_two(now: float, samples: int) -> Server:
    """Pods of both services, scraped for the last minutes; kube-state-metrics knows a third service, `dark`."""
    instants = {at - NOW: 1.0 for at in range(int(now) - 15 * samples, int(now), 15)}
    kv = [series("vllm:kv_cache_usage_perc", instants, pod=pod, instance=pod) for pod in PODS.values()]
    ready = series("kube_pod_status_ready", instants, pod="dark-7d9c5b6f4d-x2k9p")
    return Server({RUNNING: [series(RUNNING, instants, pod=pod, instance=pod) for pod in PODS.values()],
                   "vllm:kv_cache_usage_perc": kv, "kube_pod_status_ready": [ready]}, secretive=True)  # fmt: skip


async def replay_of(
    scalewarden: Command, folder: Path, server: Server, *names: str, code: int = 0, jobs: int = 1
) -> Any:
    (folder / "objects.yaml").write_text("---\n".join(SERVICE.replace("name: chat", f"name: {one}") for one in names))
    async with http_server(server) as port:
        ran = await asyncio.to_thread(
            scalewarden, "replay", "--prometheus", f"http://127.0.0.1:{port}", "--objects", folder / "objects.yaml",
            "--from", "10m", "-o", "json", "--jobs", jobs,
        )  # fmt: skip
    assert ran.code == code, ran.err
    return json.loads(ran.out)


async def test_a_service_that_cannot_be_read_is_left_out_and_said(
    scalewarden: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one's answer is partial; the first is shown all the same."""
    real = PrometheusReplay.run

    def second_fails(self: PrometheusReplay, *more: Any) -> None:
        if self.name == "serving/other":
            raise PartialResponse("Prometheus says that its answer is partial", where="http://prometheus")
        real(self, *more)

    monkeypatch.setattr(PrometheusReplay, "run", second_fails)
    found = await replay_of(scalewarden, tmp_path, of_two(time.time(), 60), "chat", "other")
    assert [one["inferenceDeployment"] for one in found["services"]] == ["serving/chat"]
    assert any(note.startswith("serving/other is left out: ") for note in found["notes"])


async def test_an_engine_that_nobody_scraped_is_left_out_though_its_pods_are_known(
    scalewarden: Command, tmp_path: Path
) -> None:
    found = await replay_of(scalewarden, tmp_path, of_two(time.time(), 60), "chat", "dark")
    assert [one["inferenceDeployment"] for one in found["services"]] == ["serving/chat"]
    assert "serving/dark is left out: Prometheus has no samples of its engines from that time." in found["notes"]


async def test_ctrl_c_shows_what_was_judged_of_the_service_under_way(
    scalewarden: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PrometheusReplay.run

    def pressed(self: PrometheusReplay, reader: Any, told: Any) -> None:
        def half(at: float) -> None:
            told(at)
            if at > time.time() - 400:
                raise KeyboardInterrupt

        real(self, reader, half)

    monkeypatch.setattr(PrometheusReplay, "run", pressed)
    found = await replay_of(scalewarden, tmp_path, of_two(time.time(), 60), "chat", "other", code=130)
    (service,) = found["services"]
    assert service["inferenceDeployment"] == "serving/chat" and 5 < service["totals"]["evaluations"] < 25
    assert any(note.startswith("serving/chat is replayed only until 20") for note in found["notes"])
    assert any(note.startswith("Ended before its time") for note in found["notes"])


async def test_several_at_once_find_the_same(scalewarden: Command, tmp_path: Path) -> None:
    server = of_two(time.time(), 60)
    one = await replay_of(scalewarden, tmp_path, server, "chat", "other", "dark")
    three = await replay_of(scalewarden, tmp_path, server, "chat", "other", "dark", jobs=3)
    assert [one["inferenceDeployment"] for one in three["services"]] == ["serving/chat", "serving/other"]
    assert [one["totals"] for one in three["services"]] == [other["totals"] for other in one["services"]]
    assert three["notes"] == one["notes"]


def listening() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests were told to ignore it


@asynccontextmanager
async def replaying(folder: Path, jobs: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Both services, in a session of its own, each in its second half hour."""
    server = of_two(time.time(), 300)
    (folder / "objects.yaml").write_text(f"{SERVICE}---\n{SERVICE.replace('name: chat', 'name: other')}")
    async with http_server(server) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "scalewarden.cli.main", "replay", "--prometheus", f"http://127.0.0.1:{port}",
            "--objects", str(folder / "objects.yaml"), "--from", "1h", "--step", "5s", "-o", "json",
            "--jobs", str(jobs), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True, preexec_fn=listening,
        )  # fmt: skip

        async def in_its_second_stretch() -> bool:
            return len(server.asked) >= 6 * jobs

        await until("the first half hour to be judged", in_its_second_stretch, 60)
        await asyncio.sleep(0.5)
        yield process


@pytest.mark.parametrize("jobs", [1, 2])
async def test_ctrl_c_in_a_terminal_shows_what_was_judged(tmp_path: Path, jobs: int) -> None:
    """It goes to every process of the group, as a terminal sends it."""
    async with replaying(tmp_path, jobs) as process:
        os.killpg(process.pid, signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 130, err.decode()
    assert b"Traceback" not in err
    found = json.loads(out)
    assert [one["inferenceDeployment"] for one in found["services"]] == ["serving/chat", "serving/other"][:jobs]
    assert all(0 < one["totals"]["evaluations"] < 720 for one in found["services"])
    assert sum("it was ended before its time" in note for note in found["notes"]) == jobs
    assert found["notes"][-1].startswith("Ended before its time")


def children_of(pid: int) -> list[int]:
    """Those that multiprocessing has started for work."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


async def test_a_process_that_is_killed_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    async with replaying(tmp_path, 2) as process:
        working = children_of(process.pid)
        os.kill(working[0], signal.SIGKILL)
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out) == (2, b"")
    assert b"a process that replays a service was killed" in err and b"--jobs 1" in err and b"Traceback" not in err


async def test_what_nobody_expected_in_a_process_ends_all_of_them_at_once(tmp_path: Path) -> None:
    (tmp_path / "objects.yaml").write_text(SERVICE)
    (good,), _ = of_manifests([str(tmp_path / "objects.yaml")], None)
    now = time.time()
    async with http_server(of_two(now, 300)) as port:
        options = PrometheusOptions(f"http://127.0.0.1:{port}")
        many = [good, replace(good, facts=None), *[good] * 20]  # type: ignore[arg-type]
        work = asyncio.to_thread(replay_all, options, many, Span(now - 3600, now, 1.0), lambda *_: None, 2)
        with pytest.raises(AttributeError):
            await asyncio.wait_for(work, 60)
