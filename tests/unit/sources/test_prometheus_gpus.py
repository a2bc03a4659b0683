"""GPU series that Prometheus has from an engine's own page, and from an exporter beside it."""

from scalewarden.sources.base import PodKey
from tests.unit.sources.prometheus_store import RUNNING, Store, endpoint, every, key, once, window
from tests.unit.sources.test_prometheus import GPU


async def test_an_engines_own_gpu_series_stay_on_its_page() -> None:
    store = Store()
    store.add(RUNNING, every(15, -60, 0))
    store.add("nv_gpu_utilization", every(15, -60, 0, "0.5"), gpu_uuid="GPU-a")
    collected = await once(store, endpoint())
    assert collected.exporters == frozenset()
    page = window(collected, key("llama-0"))[-1]
    assert page.named(RUNNING) and page.named("nv_gpu_utilization")


async def test_an_exporter_beside_the_engine_is_read_of_its_pod() -> None:
    store = Store()
    store.add(RUNNING, every(15, -60, 0))
    store.add(GPU, every(15, -60, 0, "35"), UUID="GPU-a", instance="10.0.0.1:9400")
    collected = await once(store, endpoint())
    assert collected.exporters == {PodKey("", "10.0.0.1:9400")}
    [sample] = window(collected, PodKey("", "10.0.0.1:9400"))[-1].samples
    assert (sample.labels["namespace"], sample.labels["pod"]) == ("serving", "llama-0")
    assert window(collected, key("llama-0"))[-1].named(RUNNING)
