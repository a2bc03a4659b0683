"""A service that manifests describe, and whose pods Prometheus knows: no cluster is asked."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from aiohttp import web

from scalewarden.app.check_prometheus import NOTE, Written, evidence
from scalewarden.errors import SourceError
from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.verdict import Decision, Reason
from scalewarden.sources.prometheus_options import PrometheusOptions
from tests.unit.check.manifests import deployment
from tests.unit.sources.loopback import http_server
from tests.unit.sources.prometheus_store import NOW, Store, every

HASH = "7d9f8c6b5"
PODS = tuple(f"llama-{HASH}-{end}" for end in ("x2x4z", "bbbbb", "ccccc", "ddddd"))
OTHERS = (f"llama-chat-{HASH}-x2x4z", "llama-0", f"llama-{HASH}-aeiou", f"my-llama-{HASH}-x2x4z")
"""Pods of other workloads, whose names are near."""


class Server(Store):
    """Answers `up` at an instant besides, by the matchers of the query."""

    def __init__(self, up: Mapping[str, str]) -> None:
        super().__init__()
        self.up = up
        self.expression = ""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/api/v1/query_range":
            return await super().__call__(request)
        form = await request.post()
        assert form["start"] == form["end"]
        self.expression = str(form["query"])
        found = re.fullmatch(r'up\{namespace="serving",pod=~"(.*)",cluster="a"\}', self.expression)
        assert found
        pattern = found[1].replace("\\\\", "\\")
        series = [
            {"metric": {"__name__": "up", "namespace": "serving", "pod": pod, "instance": at}, "values": [[NOW, "1"]]}
            for pod, at in self.up.items()
            if re.fullmatch(pattern, pod)
        ]
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": series}})


def written(**fields: Any) -> Written:
    template = yaml.safe_load(deployment())["spec"]["template"]
    return Written(**{"kind": "Deployment", "name": "llama", "namespace": "serving", "template": template,
                      "replicas": 4, **fields})  # fmt: skip


def serving(kv: str, pods: tuple[str, ...] = PODS) -> Server:
    server = Server({pod: f"10.0.0.{at + 1}:8000" for at, pod in enumerate((*pods, *OTHERS))})
    for at, pod in enumerate(pods):
        for name, value in (("kv_cache_usage_perc", kv), ("num_requests_waiting", "0"), ("num_requests_running", "9")):
            server.add(f"vllm:{name}", every(15, -600, 0, value), pod, instance=f"10.0.0.{at + 1}:8000", cluster="a")
        server.add("up", every(15, -600, 0, "1"), pod, instance=f"10.0.0.{at + 1}:8000", cluster="a")
    return server


async def asked(server: Server, one: Written) -> Any:
    async with http_server(server) as port:
        return await evidence(one, PrometheusOptions(f"http://127.0.0.1:{port}", matchers={"cluster": "a"}), NOW)


async def test_its_pods_are_known_by_name_and_judged_by_their_load() -> None:
    found = await asked(serving("0.9"), written())
    assert [one.pod for one in found.snapshot.replicas] == sorted(PODS)
    assert (found.snapshot.key, found.snapshot.replicas_desired) == ("serving/llama", 4)
    assert found.notes == (NOTE,) and not found.declared
    verdict = evaluate(found.snapshot, found.policy).verdict
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.KV_CACHE_PRESSURE)


async def test_a_replica_that_nobody_scrapes_may_serve_so_its_absence_allows_nothing() -> None:
    found = await asked(serving("0.1", PODS[:3]), written())
    assert (len(found.snapshot.replicas), found.snapshot.replicas_desired) == (4, 4)
    verdict = evaluate(found.snapshot, found.policy).verdict
    assert (verdict.decision, verdict.reason) == (Decision.HOLD, Reason.PARTIAL_COVERAGE)
    scaled = await asked(serving("0.1", PODS[:3]), written(replicas=None))
    assert scaled.snapshot.replicas_desired == 3


async def test_a_service_that_nobody_scrapes_is_an_error_with_what_to_do() -> None:
    with pytest.raises(SourceError, match="scrapes no pod of Deployment serving/llama") as refused:
        await asked(Server({}), written())
    assert "labels namespace and pod" in refused.value.hint


async def test_a_stateful_set_is_known_by_its_ordinals() -> None:
    server = Server({"llama-0": "a:1", "llama-12": "a:1", "llama-x": "a:1", PODS[0]: "a:1"})
    found = await asked(server, written(kind="StatefulSet", replicas=2))
    assert [one.pod for one in found.snapshot.replicas] == ["llama-0", "llama-12"]
