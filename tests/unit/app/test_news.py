"""What wakes the evaluation loop before its next turn, and what does not."""

from typing import Any

import pytest

from scalewarden.app.world import World
from scalewarden.sources.kuberesource import DEPLOYMENTS, HPAS, INFERENCE_DEPLOYMENTS, PODS, Resource


def thing(version: int, spec: dict[str, Any], status: dict[str, Any] | None = None) -> dict[str, Any]:
    meta = {"name": "llama", "namespace": "serving", "uid": "1", "resourceVersion": str(version)}
    return {"metadata": meta, "spec": spec, "status": status or {}}


@pytest.mark.parametrize("resource", [INFERENCE_DEPLOYMENTS, DEPLOYMENTS, HPAS])
async def test_a_changed_spec_is_news_a_changed_status_is_not(resource: Resource) -> None:
    world = World()
    world.put(resource, thing(1, {"replicas": 4}))
    assert world.news.is_set()
    world.news.clear()
    world.put(resource, thing(2, {"replicas": 4}, {"replicas": 3}))
    assert not world.news.is_set()
    world.put(resource, thing(3, {"replicas": 5}))
    assert world.news.is_set()


async def test_pods_come_and_go_without_news() -> None:
    world = World()
    world.put(PODS, thing(1, {"nodeName": "a"}))
    assert not world.news.is_set()
