"""Where a pod's metrics page is, by what its owner says and what its pod shows."""

from typing import Any

import pytest

from scalewarden.model.crd_service import Metrics
from scalewarden.sources.endpoints import engine_endpoint, exporter_endpoint, exporter_kind, is_gpu_exporter


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


def started(*ports: dict[str, Any], image: str = "acme/llm", **container: Any) -> dict[str, Any]:
    found = pod(*ports)
    found["spec"]["containers"][1] |= {"image": image, **container}
    return found


TRITON = ("tritonserver", "--model-repository=/m")
STARTED = [
    ("a port that the command states",
     started({"containerPort": 8000}, command=["vllm", "serve", "m", "--port", "8200"]), 8200, "/metrics"),
    ("before a port named for the API",
     started(HTTP, command=["vllm", "serve", "m", "--port=8200"]), 8200, "/metrics"),
    ("a port named for metrics before it",
     started(METRICS, command=["vllm", "serve", "m", "--port=8200"]), 9000, "/metrics"),
    ("SGLang", started(command=["python", "-m", "sglang.launch_server"]), 30000, "/metrics"),
    ("TGI", started(image="ghcr.io/huggingface/text-generation-inference:3"), 80, "/metrics"),
    ("LMDeploy", started(command=["lmdeploy", "serve", "api_server", "m"]), 23333, "/metrics"),
    ("llama.cpp", started(command=["/app/llama-server"]), 8080, "/metrics"),
    ("trtllm-serve", started(HTTP, command=["trtllm-serve", "m"]), 8080, "/prometheus/metrics"),
    ("NIM", started({"containerPort": 8000}, image="nvcr.io/nim/meta/llama:1"), 8000, "/v1/metrics"),
    ("Triton's metrics have a port of their own",
     started(HTTP, {"containerPort": 8001}, command=[*TRITON]), 8002, "/metrics"),
    ("a Dynamo worker",
     started(command=["python", "-m", "dynamo.vllm"],
             env=[{"name": "DYN_SYSTEM_PORT", "value": "9090"}]), 9090, "/metrics"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "port", "path"), [case[1:] for case in STARTED], ids=[case[0] for case in STARTED])
def test_where_a_runtime_serves_its_page(found: dict[str, Any], port: int, path: str) -> None:
    endpoint = engine_endpoint(found, Metrics())
    assert endpoint is not None and (endpoint.port, endpoint.path) == (port, path)


def test_an_annotated_path_comes_before_the_runtimes() -> None:
    found = started(command=["trtllm-serve", "m"])
    found["metadata"]["annotations"]["prometheus.io/path"] = "/m"
    endpoint = engine_endpoint(found, Metrics())
    assert endpoint is not None and endpoint.path == "/m"


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


NAME = "app.kubernetes.io/name"


@pytest.mark.parametrize(
    ("label", "port", "kind"),
    [
        (("app", "nvidia-dcgm-exporter"), 9400, "dcgm"),
        ((NAME, "dcgm-exporter"), 9400, "dcgm"),
        ((NAME, "gke-managed-dcgm-exporter"), 9400, "dcgm"),
        (("app", "exporter-amdgpu-metrics-exporter"), 5000, "amd"),
        ((NAME, "habana-metric-exporter-ds"), 41611, "gaudi"),
        ((NAME, "nvidia-gpu-exporter"), 9835, "nvidia-smi"),
    ],
)
def test_gpu_exporters_by_label(label: tuple[str, str], port: int, kind: str) -> None:
    plain = {"metadata": {"namespace": "gpu", "name": "e"}, "spec": {}, "status": {"podIP": "10.0.0.2"}}
    labelled = plain | {"metadata": {"name": "e", "labels": dict([label])}}
    assert is_gpu_exporter(labelled) and not is_gpu_exporter(plain)
    endpoint = exporter_endpoint(labelled)
    assert endpoint is not None and (endpoint.port, endpoint.kind) == (port, kind)


@pytest.mark.parametrize("labels", [{"app": "metrics-exporter"}, {NAME: "node-exporter"}, {"app": "amdgpu"}, {}])
def test_other_exporters_are_none(labels: dict[str, str]) -> None:
    assert exporter_kind({"metadata": {"labels": labels}}) is None


def test_what_tells_a_pod_from_an_earlier_one_of_its_name() -> None:
    found = pod(HTTP)
    found["metadata"] |= {"uid": "u-1", "creationTimestamp": "2026-11-21T23:00:00Z"}
    endpoint = engine_endpoint(found, Metrics())
    assert endpoint is not None and (endpoint.uid, endpoint.created_at) == ("u-1", 1795302000.0)
    unknown = engine_endpoint(pod(HTTP), Metrics())
    assert unknown is not None and (unknown.uid, unknown.created_at) == ("", None)
