"""One service in a world of plain objects: a Deployment with its pods, an HPA on CPU, and an InferenceDeployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scalewarden.app.annotator import Annotator
from scalewarden.app.cooperation import Cooperation
from scalewarden.app.fences import Fences
from scalewarden.app.gather import Gatherer
from scalewarden.app.judging import Judged, Judging
from scalewarden.app.publisher import Publisher
from scalewarden.app.recorder import EventRecorder
from scalewarden.app.targets import Targets
from scalewarden.app.world import World
from scalewarden.model.crd_service import SourceChoice
from scalewarden.model.policy import Mode
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import Collected, PodEndpoint
from scalewarden.sources.kuberesource import (
    DEPLOYMENTS,
    HPAS,
    INFERENCE_DEPLOYMENTS,
    NAMESPACES,
    PODS,
    POLICIES,
    POLICY_BINDINGS,
    WEBHOOKS,
    Resource,
)
from scalewarden.surfaces.metrics import OperatorMetrics
from tests.unit.app.fake_api import FakeApi

NOW = 1_766_370_000.0
NAMESPACE = "serving"

Object = dict[str, Any]


class Pages:
    """A metrics source in which every pod has shown the same KV usage for five minutes."""

    def __init__(self, kv: float = 0.9) -> None:
        self.kv = kv

    async def collect(self, endpoints: Sequence[PodEndpoint], now: float, custom: object = ()) -> Collected:
        window = tuple(self._scrape(now - 300 + 15 * step) for step in range(21))
        return Collected(now, {endpoint.key: window for endpoint in endpoints})

    async def close(self) -> None:
        pass

    def _scrape(self, at: float) -> Scrape:
        gauges = {"kv_cache_usage_perc": self.kv, "num_requests_waiting": 0.0, "num_requests_running": 40.0}
        labels = {"engine": "0", "model_name": "m"}
        return Scrape(at, tuple(Sample(f"vllm:{name}", labels, value) for name, value in gauges.items()))


class Service:
    """Everything one turn of the operator needs, over a fake API server."""

    def __init__(
        self, *, replicas: int = 4, kv: float = 0.9, opted_in: bool = True, max_mode: Mode = Mode.ENFORCE
    ) -> None:
        self.api, self.world, self.source = FakeApi(), World(lambda: 0.0), Pages(kv)
        labels = {"scalewarden.dev/guard": "enabled"} if opted_in else {}
        self.put(NAMESPACES, {"metadata": {"name": NAMESPACE, "labels": labels}})
        self.put(DEPLOYMENTS, deployment(replicas))
        for number in range(replicas):
            self.put(PODS, pod(f"llama-{number}", f"10.0.0.{number + 1}"))
        self.put(HPAS, hpa())
        for resource, obj in admission():
            self.put_api(resource, obj)
        self.put(INFERENCE_DEPLOYMENTS, described())
        self.defects = 0
        self.gatherer = Gatherer(self.world, {SourceChoice.SCRAPE: self.source}, 15.0)
        self.judging = Judging(Targets(self.api, self.world), self.gatherer, self._defect)
        self.recorder = EventRecorder(self.api, "scalewarden-operator", lambda: 0.0)
        fences, annotator = Fences(self.api, self.world, max_mode), Annotator(self.api, self.world)
        self.cooperation = Cooperation(self.api, self.world, fences)
        self.publisher = Publisher(
            self.api, self.world, self.recorder, OperatorMetrics(), max_mode, fences, annotator, self.cooperation
        )

    def put(self, resource: Resource, obj: Object) -> None:
        """Into the world and the API server, at a new version."""
        self.world.put(resource, self.put_api(resource, obj))

    def put_api(self, resource: Resource, obj: Object) -> Object:
        """Into the API server alone: a kind that is not watched."""
        metadata = {"namespace": NAMESPACE} if resource.namespaced else {}
        metadata |= {"uid": f"uid-{resource.plural}-{obj['metadata']['name']}", "generation": 1, **obj["metadata"]}
        metadata["resourceVersion"] = self.api.next_version()
        kept = {"apiVersion": resource.api_version, "kind": resource.kind, **obj, "metadata": metadata}
        self.api.objects[resource.plural, metadata.get("namespace", ""), metadata["name"]] = kept
        return kept

    async def judge(self, now: float = NOW) -> list[Judged]:
        """What a turn finds."""
        looked = await self.judging.look(self.world[INFERENCE_DEPLOYMENTS].all())
        await self.gatherer.collect([one.service for one in looked if one.service], now)
        return [self.judging.judge(one, now) for one in looked]

    async def turn(self, now: float = NOW) -> list[tuple[str, str]]:
        """One whole turn; (method, plural) of what it wrote. Written objects come back into the world."""
        before = len(self.api.writes)
        await self.publisher.publish(await self.judge(now), now)
        return [(method, plural) for method, plural, _ in self.api.writes[before:]]

    def held(self, resource: Resource, name: str) -> Object:
        """An object as the API server has it."""
        return self.api.objects[resource.plural, NAMESPACE, name]

    def _defect(self) -> None:
        self.defects += 1


def admission() -> list[tuple[Resource, Object]]:
    """What the chart installs: rules for Deployments."""
    rules = [{"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"]}]
    fence, guard = {"name": "scalewarden-fence"}, {"name": "scalewarden-guard"}
    return [
        (POLICIES, {"metadata": fence, "spec": {"matchConstraints": {"resourceRules": rules}}}),
        (POLICY_BINDINGS, {"metadata": fence, "spec": {"validationActions": ["Deny"]}}),
        (WEBHOOKS, {"metadata": guard, "webhooks": [{"name": "guard.scalewarden.dev", "rules": rules}]}),
    ]


def described(name: str = "llama", created: str = "2025-01-01T00:00:00Z", **spec: Any) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    return {"metadata": {"name": name, "creationTimestamp": created}, "spec": {"targetRef": target, **spec}}


def deployment(replicas: int) -> Object:
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.32.0",
        "ports": [{"name": "http", "containerPort": 8000}],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
    }
    template = {"metadata": {"labels": {"app": "llama"}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "llama"}}, "template": template}
    return {"metadata": {"name": "llama"}, "spec": spec}


def pod(name: str, ip: str) -> Object:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2025-01-01T00:01:00Z"}
    metadata = {"name": name, "labels": {"app": "llama"}, "creationTimestamp": "2025-01-01T00:00:00Z"}
    spec = {"nodeName": "gpu-1", **deployment(1)["spec"]["template"]["spec"]}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Running", "podIP": ip, "conditions": [ready]}}


def hpa() -> Object:
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    metrics = [{"type": "Resource", "resource": cpu}]
    return {"metadata": {"name": "on-cpu"}, "spec": {"scaleTargetRef": target, "maxReplicas": 8, "metrics": metrics}}
