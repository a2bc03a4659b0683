"""Where a pod's metrics page is, by what its owner says and what its pod shows."""

from typing import Any

import pytest

from scalewarden.model.crd_service import Metrics
from scalewarden.sources.endpoints import engine_endpoint, exporter_endpoint, is_gpu_exporter


def pod(*ports: dict[str, Any], ip: str | None = "10.0.0.1", **annotations: str) -> dict[str, Any]:
    written = {f"prometheus.io/{key}": value for key, value in annotations.items()}
    sidecar = {"name": "proxy", "image": "envoy", "ports": [{"name": "admin", "containerPort": 15000}]}
    engine = {"name": "engine", "image": "vllm/vllm-openai:v0.32.0", "ports": list(ports)}
    return {
        "metadata": {"namespace": "a", "name": "x", "annotations": written},
        "spec": {"nodeName": "n", "containers": [sidecar, engine]},
        "status": {"podIP": ip} if ip else {},
    }


HTTP, METRICS = {"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9000}

CASES = [
    ("declared number", pod(HTTP), Metrics(port=7000), 7000),
    ("declared name", pod(HTTP, METRICS), Metrics(port="http"), 8080),
    ("declared name of a sidecar", pod(HTTP), Metrics(port="admin"), 15000),
    ("annotated", pod(HTTP, METRICS, port="7001"), Metrics(), 7001),
    ("named metrics", pod(HTTP, METRICS), Metrics(), 9000),
    ("named http", pod({"name": "grpc", "containerPort": 1}, HTTP), Metrics(), 8080),
    ("the engine's only port", pod({"containerPort": 30000}), Metrics(), 30000),
    ("nothing said", pod(), Metrics(), 8000),
]


@pytest.mark.parametrize(("found", "declared", "port"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_port(found: dict[str, Any], declared: Metrics, port: int) -> None:
    endpoint = engine_endpoint(found, declared)
    assert endpoint is not None and endpoint.port == port


def test_a_name_that_no_port_has_is_no_guess() -> None:
    assert engine_endpoint(pod(HTTP), Metrics(port="nope")) is None


def test_a_pod_without_address_is_not_scraped() -> None:
    assert engine_endpoint(pod(HTTP, ip=None), Metrics()) is None


def test_path_and_scheme() -> None:
    annotated = engine_endpoint(pod(HTTP, path="/m", scheme="https"), Metrics())
    declared = engine_endpoint(pod(HTTP, path="/m"), Metrics(path="/mine"))
    assert annotated is not None and declared is not None
    assert (annotated.path, annotated.scheme) == ("/m", "https")
    assert (declared.path, declared.scheme, declared.node, str(declared.key)) == ("/mine", "http", "n", "a/x")


def test_gpu_exporters_by_label() -> None:
    plain = {"metadata": {"namespace": "gpu", "name": "e"}, "spec": {}, "status": {"podIP": "10.0.0.2"}}
    labelled = plain | {"metadata": {"name": "e", "labels": {"app": "nvidia-dcgm-exporter"}}}
    assert is_gpu_exporter(labelled) and not is_gpu_exporter(plain)
    endpoint = exporter_endpoint(labelled)
    assert endpoint is not None and (endpoint.port, endpoint.kind) == (9400, "dcgm")
