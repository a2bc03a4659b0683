"""Where pods serve their metrics pages: as declared, as annotated, or as their ports are named."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from scalewarden.model.crd_service import Metrics
from scalewarden.model.workload import Workload
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.gpus.table import ExporterKind
from scalewarden.sources.base import PodEndpoint
from scalewarden.sources.pods import instant_of, replica_of
from scalewarden.sources.tree import child, children
from scalewarden.sources.workloads import serving_container, workload_of

Object = Mapping[str, Any]

PORT_ANNOTATION, PATH_ANNOTATION, SCHEME_ANNOTATION = (
    "prometheus.io/port", "prometheus.io/path", "prometheus.io/scheme",
)  # fmt: skip
METRICS_PORTS = ("metrics", "http-metrics", "http", "http1", "server")
"""Names of ports that serve the page, the likeliest first."""
ENGINE_PORT = 8000
_LAST_PORT = 65535
_NAME = "app.kubernetes.io/name"
_EXPORTERS: tuple[tuple[str, str, ExporterKind], ...] = (
    (_NAME, "dcgm-exporter", "dcgm"),
    (_NAME, "gke-managed-dcgm-exporter", "dcgm"),
    ("app", "nvidia-dcgm-exporter", "dcgm"),
    ("app", "dcgm-exporter", "dcgm"),
    ("app", "*-amdgpu-metrics-exporter", "amd"),  # the chart puts the release's name in front
    ("app", "amdgpu-metrics-exporter", "amd"),
    (_NAME, "habana-metric-exporter-ds", "gaudi"),
    (_NAME, "habana-ai-metric-exporter-ds", "gaudi"),  # as its operator names the DaemonSet; not seen as a label
    (_NAME, "nvidia-gpu-exporter", "nvidia-smi"),
)
_PORTS = {table.kind: table.port for table in EXPORTERS if table.port is not None}


def engine_endpoint(pod: Object, declared: Metrics) -> PodEndpoint | None:
    """Where an engine's pod is scraped; None while it has no address.

    As declared, else as annotated, else as the runtime is started, else by the likeliest port.
    """
    workload = workload_of(pod)
    port = declared.port if isinstance(declared.port, int) else _engine_port(pod, declared.port, workload)
    annotated = child(pod, "metadata", "annotations").get(PATH_ANNOTATION)
    return endpoint_of(pod, port, declared.path or (workload.metrics_path if annotated is None else None))


def _engine_port(pod: Object, name: str | None, workload: Workload) -> int | None:
    """A port named for metrics before the one that the command line states; that before ports named for the API."""
    if name is not None:
        return named_ports(pod).get(name)
    if (annotated := _annotated_port(pod)) is not None:
        return annotated
    for_metrics = (port for one, port in named_ports(pod).items() if one in METRICS_PORTS[:2])
    if (named := next(for_metrics, None)) is not None:
        return named
    own = workload.metrics_port if workload.own_metrics_port else None
    return workload.stated_port or own or _port(pod, None, workload.metrics_port or ENGINE_PORT)


def exporter_kind(pod: Object) -> ExporterKind | None:
    """Which GPU exporter a pod is, by the labels that charts give; None for any other pod."""
    labels = child(pod, "metadata", "labels")
    return next((kind for key, value, kind in _EXPORTERS if fnmatchcase(str(labels.get(key, "")), value)), None)


def is_gpu_exporter(pod: Object) -> bool:
    """True for a pod of a GPU exporter."""
    return exporter_kind(pod) is not None


def exporter_endpoint(pod: Object) -> PodEndpoint | None:
    """Where a GPU exporter's pod is scraped; None while it has no address. An unknown one is asked as DCGM's."""
    kind = exporter_kind(pod) or "dcgm"
    return endpoint_of(pod, _port(pod, None, _PORTS[kind]), None, kind=kind)


def endpoint_of(
    pod: Object, port: int | None, path: str | None, kind: Literal["engine", "gateway"] | ExporterKind = "engine"
) -> PodEndpoint | None:
    """The pod at this port; None while it has no address. A path that is not given is the annotated one."""
    metadata, ip = child(pod, "metadata"), child(pod, "status").get("podIP")
    if not ip or port is None:
        return None
    annotations = child(pod, "metadata", "annotations")
    return PodEndpoint(
        namespace=str(metadata.get("namespace", "")),
        pod=str(metadata.get("name", "")),
        node=str(child(pod, "spec").get("nodeName", "")),
        ip=str(ip),
        port=port,
        path=path or str(annotations.get(PATH_ANNOTATION, "/metrics")),
        scheme="https" if annotations.get(SCHEME_ANNOTATION) == "https" else "http",
        restarted_at=replica_of(pod).restarted_at,
        kind=kind,
        uid=str(metadata.get("uid", "")),
        created_at=instant_of(metadata.get("creationTimestamp")),
    )


def _port(pod: Object, name: str | None, default: int) -> int | None:
    """The port of this name (None where the pod has none so named), else the annotated one, else the likeliest."""
    named = named_ports(pod)
    if name is not None:
        return named.get(name)
    if (annotated := _annotated_port(pod)) is not None:
        return annotated
    serving = _ports([serving_container(child(pod, "spec"))])
    likely = (named[one] for one in METRICS_PORTS if one in named)
    return next(likely, None) or next(iter(serving.values()), default)


def _annotated_port(pod: Object) -> int | None:
    annotated = str(child(pod, "metadata", "annotations").get(PORT_ANNOTATION, ""))
    if annotated.isascii() and annotated.isdecimal() and len(annotated) <= 5 and 0 < int(annotated) <= _LAST_PORT:
        return int(annotated)
    return None


def named_ports(pod: Object) -> dict[str, int]:
    """Ports of all containers by name."""
    return _ports(children(child(pod, "spec"), "containers"))


def _ports(containers: Iterable[Object]) -> dict[str, int]:
    """Container ports by name, those without one by their number, in the order of the containers."""
    found = [port for container in containers for port in children(container, "ports")]
    numbers = ((port.get("name"), port.get("containerPort")) for port in found)
    return {str(name or number): number for name, number in numbers if isinstance(number, int)}
