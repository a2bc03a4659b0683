"""What was learned outlives the operator that learned it, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from scalewarden.app.judging import Judging
from scalewarden.app.targets import Targets
from scalewarden.model.crd import InferenceDeployment
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import Collected, PodEndpoint
from scalewarden.sources.kuberesource import DEPLOYMENTS, INFERENCE_DEPLOYMENTS
from scalewarden.surfaces.explain_text_evaluation import chain_of as explained
from scalewarden.surfaces.explain_text_status import chain_of
from tests.unit.app.service import NOW, Pages, Service, deployment, described

TPS = 400.0
EVERY = 120.0


class Busy(Pages):
    """Every pod generates `TPS` tokens/s in batches of 8 and 16 while requests wait; nothing is short of memory."""

    def __init__(self) -> None:
        super().__init__(kv=0.5)

    async def collect(self, endpoints: Sequence[PodEndpoint], now: float, custom: object = ()) -> Collected:
        window = tuple(self._scrape(now - 300 + 15 * step) for step in range(21))
        return Collected(now, {endpoint.key: window for endpoint in endpoints})

    def _scrape(self, at: float) -> Scrape:
        seconds, batch = at - NOW + 10_000, 16.0 if at % 240 < 120 else 8.0
        tokens = TPS * seconds
        values = {
            "kv_cache_usage_perc": 0.5,
            "num_requests_waiting": 5.0,
            "num_requests_running": batch,
            "num_preemptions_total": 0.0,
            "generation_tokens_total": tokens,
            "inter_token_latency_seconds_count": tokens,
            "inter_token_latency_seconds_sum": tokens * 0.03,
        }
        labels = {"engine": "0", "model_name": "m"}
        return Scrape(at, tuple(Sample(f"vllm:{name}", labels, value) for name, value in values.items()))


def busy(replicas: int = 2) -> Service:
    service = Service(replicas=replicas)
    service.source = Busy()
    service.gatherer.sources = dict.fromkeys(service.gatherer.sources, service.source)
    return service


def restart(service: Service) -> None:
    """A new operator over the same cluster."""
    service.judging = Judging(Targets(service.api, service.world), service.gatherer, service._defect)


def baseline(service: Service) -> dict[str, Any]:
    return dict(service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]["baseline"])


async def turns(service: Service, count: int, start: float = NOW) -> float:
    for index in range(count):
        await service.turn(start + index * EVERY)
    return start + count * EVERY


async def test_a_status_carries_what_was_learned() -> None:
    service = busy()
    await turns(service, 10)
    found = baseline(service)
    assert found["sustainableTokensPerSecond"] == TPS
    assert found["saturated"]["tps"] == [TPS] * 20
    assert [(start["pod"], start["seconds"]) for start in found["coldStarts"]] == [("llama-0", 60), ("llama-1", 60)]
    assert found["itl"]["itl"] == 0.03 and (found["itl"]["low"], found["itl"]["high"]) == (8, 16)
    assert {one["running"]: one["tps"] for one in found["batches"]} == {8: TPS, 16: TPS}
    assert found["fingerprint"]["image"] == "vllm/vllm-openai:v0.32.0"


async def test_a_new_operator_goes_on_where_the_old_one_stopped() -> None:
    service = busy()
    later = await turns(service, 10)
    before = baseline(service)
    restart(service)
    (judged,) = await service.judge(later - 1)
    assert judged.evaluation is not None
    snapshot = judged.evaluation.snapshot
    assert (snapshot.sustainable_tps, snapshot.sustainable_learned, snapshot.cold_start) == (TPS, True, 60)
    assert snapshot.learned == judged.evaluation.learned
    await service.turn(later - 1)
    assert baseline(service) == before
    await service.turn(later + 60)
    assert len(baseline(service)["saturated"]["at"]) == 22


async def test_nothing_is_written_before_its_minute_because_something_was_learned() -> None:
    service = busy()
    await service.turn(NOW)
    await service.turn(NOW + 90)
    assert await service.turn(NOW + 121) == []


async def test_explain_shows_what_was_learned() -> None:
    service = busy()
    later = await turns(service, 10)
    found = InferenceDeployment.parse(service.held(INFERENCE_DEPLOYMENTS, "llama"))
    notes = "\n".join(chain_of(found, later).measured_notes)
    assert "a replica sustains 400 tokens/s (20 samples); ITL is 30.0 ms + 0.00 ms a running request" in notes
    assert notes.endswith("a replica starts within 60 s")
    (judged,) = await service.judge(later)
    assert judged.evaluation is not None
    assert notes.rpartition("\n")[2] in explained(judged.evaluation).measured_notes


async def test_explain_says_how_many_samples_there_are_so_far() -> None:
    service = busy()
    later = await turns(service, 3)
    found = InferenceDeployment.parse(service.held(INFERENCE_DEPLOYMENTS, "llama"))
    assert "not known (6 of 20 samples)" in "\n".join(chain_of(found, later).measured_notes)


async def test_another_object_of_the_same_name_begins_anew() -> None:
    service = busy()
    later = await turns(service, 10)
    service.put(INFERENCE_DEPLOYMENTS, described() | {"metadata": {"name": "llama", "uid": "another"}})
    await service.turn(later)
    assert len(baseline(service)["saturated"]["at"]) == 2


async def test_another_image_begins_anew_and_a_restart_does_not_bring_the_old_one_back() -> None:
    service = busy()
    later = await turns(service, 10)
    changed = deployment(2)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "vllm/vllm-openai:v0.33.0"
    service.put(DEPLOYMENTS, changed)
    restart(service)
    (judged,) = await service.judge(later)
    assert judged.evaluation is not None and judged.evaluation.snapshot.sustainable_tps is None
    await service.turn(later)
    found = baseline(service)
    assert "sustainableTokensPerSecond" not in found and "saturated" not in found
    assert (found["changedAt"], len(found["coldStarts"])) == (later, 2)


async def test_the_annotation_has_everything_forgotten() -> None:
    service = busy()
    later = await turns(service, 10)
    held = service.held(INFERENCE_DEPLOYMENTS, "llama")
    annotations = {"scalewarden.dev/reset-baseline": "2026-11-21"}
    service.put(INFERENCE_DEPLOYMENTS, held | {"metadata": {"name": "llama", "annotations": annotations}})
    await service.turn(later)
    assert len(baseline(service)["saturated"]["at"]) == 2
    restart(service)
    await service.turn(later + EVERY)
    assert len(baseline(service)["saturated"]["at"]) == 4


BAD: dict[str, Any] = {
    "no object": 7,
    "a text for an instant": {"since": "yesterday"},
    "lists of the wrong kind": {"since": 1, "saturated": {"at": [{}], "tps": "x"}},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
async def test_a_baseline_that_cannot_be_read_costs_only_itself(bad: Any) -> None:
    service = Service()
    await service.turn()
    held = service.held(INFERENCE_DEPLOYMENTS, "llama")
    service.put(INFERENCE_DEPLOYMENTS, held | {"status": held["status"] | {"baseline": bad}})
    restart(service)
    (judged,) = await service.judge(NOW + 15)
    assert judged.before.fence is not None and judged.before.fence.replicas == 4
    assert judged.before.baseline is None and judged.evaluation is not None


async def test_a_baseline_of_the_future_or_out_of_bounds_is_left_out() -> None:
    service = busy()
    later = await turns(service, 10)
    held = service.held(INFERENCE_DEPLOYMENTS, "llama")
    spoilt = held["status"]["baseline"] | {
        "saturated": {"at": [int(NOW) + 10**6, int(NOW), -5], "tps": [9.0, -1.0, 5.0]},
        "itl": held["status"]["baseline"]["itl"] | {"varRunning": -1.0},
        "batches": [{"running": 3, "at": int(NOW), "points": 5.0, "tps": 1.0, "deviation": 0.0}],
        "coldStarts": [{"createdAt": int(NOW), "seconds": -7.0}],
        "updated": int(NOW) + 10**6,
    }
    service.put(INFERENCE_DEPLOYMENTS, held | {"status": held["status"] | {"baseline": spoilt}})
    restart(service)
    (judged,) = await service.judge(later)
    assert judged.evaluation is not None and judged.evaluation.snapshot.learned is not None
    known = judged.evaluation.snapshot.learned
    assert (known.saturated, known.itl, known.batches, known.cold_starts, known.updated) == ((), None, (), (), None)
    assert len(judged.evaluation.learned.saturated) == 2


async def test_a_service_that_cannot_be_judged_keeps_what_it_learned() -> None:
    service = busy()
    later = await turns(service, 10)
    before = baseline(service)
    service.world.drop(DEPLOYMENTS, service.held(DEPLOYMENTS, "llama"))
    await service.turn(later)
    assert baseline(service) == before
