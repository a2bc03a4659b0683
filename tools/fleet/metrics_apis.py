"""The metrics APIs that real HorizontalPodAutoscalers read, answered from a simulated fleet.

``metrics.k8s.io/v1beta1`` gives CPU and memory of each pod; ``custom.metrics.k8s.io/v1beta1`` vLLM's gauges of each
pod, as prometheus-adapter would; ``external.metrics.k8s.io/v1beta1`` gives, over the pods that a selector names,
``dcgm_gpu_utilization`` (mean, percent) and ``vllm_kv_cache_usage`` (mean, 0 to 1), and the safe counts that it is
told. All are served over TLS and registered through a Service of type ExternalName, which kube-apiserver follows to
this host.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any, Self

import trustme
from aiohttp import web

from tools.fleet.discovery import VERSION, discovery_routes, resource
from tools.fleet.kube import KubeApi
from tools.fleet.pods import FLEET_LABEL, Pod
from tools.fleet.selectors import matches
from tools.fleet.server import Fleet
from tools.fleet.service import Service

RESOURCE_GROUP = "metrics.k8s.io"
CUSTOM_GROUP = "custom.metrics.k8s.io"
EXTERNAL_GROUP = "external.metrics.k8s.io"
MEMORY_BYTES = 12 << 30
WINDOW = "10s"

Reading = tuple[Service, Pod]


def _gpu_utilization(service: Service, pod: Pod) -> float:
    return 100 * service.model.activity(pod.name).gpu


def _kv_usage(service: Service, pod: Pod) -> float:
    return service.model.replicas[pod.name].gauges.kv_usage


EXTERNAL_METRICS: Mapping[str, Callable[[Service, Pod], float]] = {
    "dcgm_gpu_utilization": _gpu_utilization,
    "vllm_kv_cache_usage": _kv_usage,
}

POD_METRICS: Mapping[str, Callable[[Service, Pod], float]] = {
    "vllm:kv_cache_usage_perc": _kv_usage,
    "vllm:num_requests_waiting": lambda service, pod: service.model.replicas[pod.name].gauges.waiting,
    "vllm:num_requests_running": lambda service, pod: service.model.replicas[pod.name].gauges.running,
}
SAFE_REPLICAS = "scalewarden_safe_replicas"


def quantity(value: float) -> str:
    """A Kubernetes quantity in thousandths."""
    return f"{round(value * 1000)}m"


class MetricsApis:
    """An aggregated API server on 127.0.0.1; use it as ``async with``, then ``register``.

    safe_replicas: the safe count by InferenceDeployment, as the operator's own metrics would give it; may be changed.
    """

    def __init__(
        self, fleet: Fleet, *, service: str = "fleet-metrics", namespace: str = "default", port: int = 0
    ) -> None:
        self.safe_replicas: dict[str, int] = {}
        self._fleet = fleet
        self._service = service
        self._namespace = namespace
        self._port = port
        self._authority = trustme.CA(organization_name="simulated fleet")
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.5)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name = f"{self._service}.{self._namespace}.svc"
        self._authority.issue_cert(name, "localhost").configure_cert(context)
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=context)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port it listens on, known once it runs."""
        return self._port

    @property
    def ca_pem(self) -> bytes:
        """The certificate authority that clients must trust."""
        return self._authority.cert_pem.bytes()

    def manifests(self) -> list[dict[str, Any]]:
        """The Service and the three APIServices that make kube-apiserver ask this server."""
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self._service, "namespace": self._namespace},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": self._port}]},
        }
        return [service, *map(self._api_service, (RESOURCE_GROUP, CUSTOM_GROUP, EXTERNAL_GROUP))]

    def _api_service(self, group: str) -> dict[str, Any]:
        return {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{VERSION}.{group}"},
            "spec": {
                "group": group,
                "version": VERSION,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "caBundle": base64.b64encode(self.ca_pem).decode(),
                "service": {"name": self._service, "namespace": self._namespace, "port": self._port},
            },
        }

    @asynccontextmanager
    async def registered(self, kubeconfig: str | Path) -> AsyncIterator[None]:
        """Registered with a cluster for as long as the block lasts; raises KubeError when it refuses."""
        async with KubeApi(kubeconfig) as api:
            for manifest in self.manifests():
                await api.apply(manifest)
            try:
                yield
            finally:
                for manifest in reversed(self.manifests()):
                    await api.delete(manifest)

    # Routes.

    def _app(self) -> web.Application:
        app = web.Application()
        root = f"/apis/{RESOURCE_GROUP}/{VERSION}"
        custom = f"/apis/{CUSTOM_GROUP}/{VERSION}"
        external = f"/apis/{EXTERNAL_GROUP}/{VERSION}"
        app.add_routes(
            [
                *discovery_routes(_RESOURCES),
                web.get(f"{root}/pods", self._pods),
                web.get(f"{root}/namespaces/{{namespace}}/pods", self._pods),
                web.get(f"{root}/namespaces/{{namespace}}/pods/{{name}}", self._pod),
                web.get(f"{root}/nodes", _no_nodes),
                web.get(f"{custom}/namespaces/{{namespace}}/pods/*/{{metric}}", self._custom),
                web.get(f"{external}/namespaces/{{namespace}}/{SAFE_REPLICAS}", self._safe),
                web.get(f"{external}/namespaces/{{namespace}}/{{metric}}", self._external),
            ]
        )
        return app

    def _readings(self, request: web.Request) -> list[Reading]:
        """The serving pods that the request's namespace and label selector name."""
        self._fleet.snapshot()
        namespace = request.match_info.get("namespace")
        selector = request.query.get("labelSelector", "")
        return [
            (service, member.pod)
            for service in self._fleet.services.values()
            for member in service.members.values()
            if namespace in (None, member.pod.namespace) and matches(selector, member.pod.labels)
        ]

    async def _pods(self, request: web.Request) -> web.Response:
        items = [_pod_metrics(service, pod) for service, pod in self._readings(request)]
        return _list("PodMetricsList", f"{RESOURCE_GROUP}/{VERSION}", items)

    async def _pod(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        for service, pod in self._readings(request):
            if pod.name == name:
                return web.json_response(_pod_metrics(service, pod))
        return _not_found(f'pods "{name}" not found')

    async def _custom(self, request: web.Request) -> web.Response:
        metric = request.match_info["metric"]
        read = POD_METRICS.get(metric)
        if read is None:
            return _not_found(f"no such metric: {metric}; there are {', '.join(POD_METRICS)}")
        items = [_pod_value(metric, pod, read(service, pod)) for service, pod in self._readings(request)]
        return _list("MetricValueList", f"{CUSTOM_GROUP}/{VERSION}", items)

    async def _safe(self, request: web.Request) -> web.Response:
        selector = request.query.get("labelSelector", "")
        counts = (
            count for name, count in self.safe_replicas.items() if matches(selector, {"inferencedeployment": name})
        )
        items = [_external_value(SAFE_REPLICAS, float(count)) for count in counts]
        return _list("ExternalMetricValueList", f"{EXTERNAL_GROUP}/{VERSION}", items)

    async def _external(self, request: web.Request) -> web.Response:
        metric = request.match_info["metric"]
        read = EXTERNAL_METRICS.get(metric)
        if read is None:
            return _not_found(f"no such metric: {metric}; there are {', '.join(EXTERNAL_METRICS)}")
        readings = self._readings(request)
        items = [_external_value(metric, fmean(read(*reading) for reading in readings))] if readings else []
        return _list("ExternalMetricValueList", f"{EXTERNAL_GROUP}/{VERSION}", items)


_RESOURCES = {
    RESOURCE_GROUP: [
        resource("nodes", "NodeMetrics", ["get", "list"], namespaced=False),
        resource("pods", "PodMetrics", ["get", "list"]),
    ],
    CUSTOM_GROUP: [resource(f"pods/{metric}", "MetricValueList", ["get"]) for metric in POD_METRICS],
    EXTERNAL_GROUP: [
        resource(metric, "ExternalMetricValueList", ["get"]) for metric in (*EXTERNAL_METRICS, SAFE_REPLICAS)
    ],
}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pod_metrics(service: Service, pod: Pod) -> dict[str, Any]:
    usage = {"cpu": quantity(service.cpu_cores(pod.name)), "memory": f"{MEMORY_BYTES >> 10}Ki"}
    return {
        "apiVersion": f"{RESOURCE_GROUP}/{VERSION}",
        "kind": "PodMetrics",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "labels": dict(pod.labels),
            "creationTimestamp": _now(),
        },
        "timestamp": _now(),
        "window": WINDOW,
        "containers": [{"name": pod.container, "usage": usage}],
    }


def _pod_value(metric: str, pod: Pod, value: float) -> dict[str, Any]:
    described = {"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "apiVersion": "/v1"}
    return {"describedObject": described, "metricName": metric, "timestamp": _now(), "value": quantity(value)}


def _external_value(metric: str, value: float) -> dict[str, Any]:
    return {"metricName": metric, "metricLabels": {}, "timestamp": _now(), "value": quantity(value)}


def _list(kind: str, version: str, items: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"kind": kind, "apiVersion": version, "metadata": {}, "items": items})


def _not_found(message: str) -> web.Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound"}
    return web.json_response({**status, "message": message, "code": 404}, status=404)


async def _no_nodes(_: web.Request) -> web.Response:
    """Nodes are simulated without any use of their own."""
    return _list("NodeMetricsList", f"{RESOURCE_GROUP}/{VERSION}", [])


def selector_for(fleet: str) -> dict[str, Any]:
    """The ``metric.selector`` of an HPA that reads an external metric of one fleet."""
    return {"matchLabels": {FLEET_LABEL: fleet}}
