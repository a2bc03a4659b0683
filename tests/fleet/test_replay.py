"""Recordings served as if they were live."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from tools.fleet import Fleet, FleetSpec, Pod, Replay, StaticPods
from tools.fleet.replay import BadRecording, tracks

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"
PRESSED = RECORDINGS / "kv-pressured"
NOW = 1_800_000_000.0


def lines(page: str, but: str) -> list[str]:
    return [line for line in page.splitlines() if but not in line and not line.startswith("process_start")]


def test_pages_come_in_their_order_and_the_last_one_stays() -> None:
    (track,) = tracks(PRESSED)
    first, second, last = track.scrapes[0], track.scrapes[1], track.scrapes[-1]
    for elapsed, (_, path) in [(0.0, first), (second[0] - first[0] + 0.1, second), (9_999.0, last)]:
        expected = gzip.decompress(path.read_bytes()).decode()
        assert lines(track.page(elapsed, NOW), "_created") == lines(expected, "_created")


def test_starts_lie_as_far_back_as_they_did() -> None:
    (track,) = tracks(PRESSED)
    taken, path = track.scrapes[3]

    def started(page: str) -> float:
        return next(float(line.split()[1]) for line in page.splitlines() if line.startswith("process_start_time"))

    before = taken - started(gzip.decompress(path.read_bytes()).decode())
    page = track.page(taken - track.scrapes[0][0], NOW)
    assert NOW - started(page) == pytest.approx(before)
    created = [line for line in page.splitlines() if line.startswith("vllm:num_preemptions_created")]
    assert 1.79e9 < float(created[0].split()[-1]) < NOW


def test_a_loop_starts_over() -> None:
    (track,) = tracks(PRESSED, loop=True)
    span = track.scrapes[-1][0] - track.scrapes[0][0]
    around = span * len(track.scrapes) / (len(track.scrapes) - 1)
    assert lines(track.page(around + 0.1, NOW), "_created") == lines(track.page(0.1, NOW), "_created")


def test_nothing_to_replay_is_said_before_anything_runs(tmp_path: Path) -> None:
    spec = FleetSpec.idle("a", replay=Replay(tmp_path))
    with pytest.raises(BadRecording, match="no scrapes/"):
        Fleet(spec=spec, pods=StaticPods())


async def test_pods_take_the_sources_by_name_and_the_rest_the_model() -> None:
    import aiohttp

    recording = RECORDINGS / "scaledown-users-unsafe-drained"
    spec = replace(FleetSpec.idle("chat", port=18001), replay=Replay(recording))
    label = {"scalewarden.dev/fleet": "chat"}
    pods = [Pod("ns", f"chat-{number}", f"127.91.1.{number + 1}", labels=label) for number in range(3)]
    async with (
        Fleet(spec=spec, pods=StaticPods(pods), settle_seconds=0.0) as fleet,
        aiohttp.ClientSession() as http,
    ):
        await fleet.wait_for(3)
        pages = []
        for pod in pods:
            async with http.get(f"http://{pod.ip}:18001/metrics") as answer:
                pages.append(await answer.text())
    assert ["tiny-llama-35m" in page for page in pages] == [True, True, False]
    assert lines(pages[0], "_created") != lines(pages[1], "_created")
