"""A replay out of a real Prometheus that holds a past: what would have been said, and what became of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from scalewarden.surfaces.replay_json_models import ReplayDocument
from tests.past_story import EVERY, Story, busy_day, quiet_night
from tests.prometheus_process import pages, prometheus, scrape_config, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

LATE = {"storage": {"tsdb": {"out_of_order_time_window": "2d"}}}
"""Samples of the past are taken, wherever they stand on the page."""
OBJECTS: list[dict[str, Any]] = [
    {
        "apiVersion": "scalewarden.dev/v1alpha1",
        "kind": "InferenceDeployment",
        "metadata": {"name": "chat", "namespace": "serving"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat", "namespace": "serving"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "chat"}},
            "template": {
                "metadata": {"labels": {"app": "chat"}},
                "spec": {
                    "containers": [
                        {
                            "name": "vllm",
                            "image": "vllm/vllm-openai:v0.19.0",
                            "args": ["--model", "m"],
                            "resources": {"limits": {"nvidia.com/gpu": "2"}},
                        }
                    ]
                },
            },
        },
    },
]


@pytest.fixture(scope="module")
def story() -> Story:
    """It ends about now, so that Prometheus takes it."""
    return busy_day((time.time() - 9200) // EVERY * EVERY)


@asynccontextmanager
async def remembering(folder: Path, story: Story, lines: list[str]) -> AsyncIterator[str]:
    """A Prometheus that holds the story; gives its URL."""
    job = scrape_config(0, scrape_interval="5s", scrape_timeout="5s", honor_timestamps=True)
    text = "\n".join(lines) + "\n"
    async with pages(lambda: text) as port:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
        async with prometheus(folder, [job], settings=LATE) as address:

            async def there() -> bool:
                query = f'count(up{{job="nodes"}} @ {story.at})'
                async with aiohttp.ClientSession() as session:
                    asked = session.get(f"http://{address}/api/v1/query", params={"query": query})
                    async with asked as answer:
                        return bool((await answer.json())["data"]["result"])

            await until("Prometheus to hold the story", there, 60)
            yield f"http://{address}"


async def replayed(folder: Path, url: str, story: Story, *more: str, code: int = 0) -> Any:
    """The document; what stderr says where it is to fail."""
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(OBJECTS))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scalewarden.cli.main", "replay",
        "--prometheus", url, "--objects", str(folder / "objects.yaml"),
        "--from", _instant(story.began + 1000), "--to", _instant(story.at), "-o", "json", *more,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == code, err.decode()
    if code:
        return err.decode()
    return ReplayDocument.model_validate(json.loads(out))


def _instant(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


async def test_every_decrease_is_judged_by_what_was_known_and_by_what_came_of_it(tmp_path: Path, story: Story) -> None:
    async with remembering(tmp_path, story, story.lines) as url:
        found = await replayed(tmp_path, url, story)
        (service,) = found.services
        told = [(one.from_, one.to, one.decision, one.outcome) for one in service.decisions]
        assert told == [(4, 2, "Deny", "Needed"), (4, 3, "Allow", "Fine"), (3, 2, "Deny", "Needless")]
        for one, (at, before, after) in zip(service.decisions, story.decreases, strict=True):
            assert (one.from_, one.to) == (before, after)
            assert _instant(at) <= one.at <= _instant(at + 2 * EVERY)
        unsafe, safe, _ = service.decisions
        assert unsafe.predicted_kv is not None and unsafe.predicted_kv > 1.0
        assert unsafe.measured_kv is not None and unsafe.measured_kv > 0.95
        assert safe.predicted_kv is not None and safe.measured_kv is not None
        assert safe.measured_kv <= safe.predicted_kv < 0.7
        assert (found.summary.avoided, found.summary.needless, service.gpus_per_replica) == (1, 1, 2)
        assert found.summary.gpu_hours_held is not None and 0.5 < found.summary.gpu_hours_held < 3.0
        assert [step.to for step in service.steps] == [2, 4, 3, 2]
        assert max(value or 0.0 for value in service.timeline.kv_high) > 0.95

        # Coarse in calm times, as fine as ever around a change: the same is found with far fewer evaluations.
        coarse = await replayed(tmp_path, url, story, "--step", "150s")
        assert [(one.from_, one.to, one.decision, one.outcome) for one in coarse.services[0].decisions] == told
        assert coarse.summary.evaluations < 0.75 * found.summary.evaluations


async def test_without_kube_state_metrics_pods_are_counted_and_that_is_said(tmp_path: Path, story: Story) -> None:
    lines = [line for line in story.lines if not line.startswith("kube_")]
    async with remembering(tmp_path, story, lines) as url:
        found = await replayed(tmp_path, url, story)
    told = [(one.from_, one.to, one.decision) for one in found.services[0].decisions]
    assert told == [(4, 2, "Deny"), (4, 3, "Allow"), (3, 2, "Deny")]
    assert any("pods that were scraped are counted" in note for note in found.notes)


async def test_two_clusters_behind_one_server_are_never_one_service(tmp_path: Path, story: Story) -> None:
    """The other cluster has the same names at 1 replica more, and nothing else in common."""
    ours = [line.replace("{", '{cluster="west",', 1) for line in story.lines]
    theirs = [line.replace('cluster="west"', 'cluster="east"') for line in ours]
    async with remembering(tmp_path, story, [*ours, *theirs]) as url:
        said = await replayed(tmp_path, url, story, code=2)
        assert "cluster is east, west" in said and "--prometheus-match cluster=NAME" in said
        found = await replayed(tmp_path, url, story, "--step", "150s", "--prometheus-match", "cluster=west")
    told = [(one.from_, one.to, one.decision) for one in found.services[0].decisions]
    assert told == [(4, 2, "Deny"), (4, 3, "Allow"), (3, 2, "Deny")]


async def test_a_fall_to_zero_is_seen_though_nobody_tells_the_count(tmp_path: Path) -> None:
    """Prometheus went on writing: the pods are gone, and it was not away."""
    night = quiet_night((time.time() - 3600) // EVERY * EVERY)
    async with remembering(tmp_path, night, night.lines) as url:
        found = await replayed(tmp_path, url, night)
    (service,) = found.services
    (one,) = service.decisions
    assert (one.from_, one.to) == (2, 0) and service.timeline.desired[-1] == 0
    assert (one.decision, one.reason) == ("Allow", "GenuinelyIdle")
