"""What a bundle keeps of containers, objects and pages, and how its folder grows."""

import gzip
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from scalewarden.errors import BadInput
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Workload
from scalewarden.rules import gpu_metrics, promql
from scalewarden.signals.exposition import parse
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import PodKey
from scalewarden.sources.bundle import Bundle, Known
from scalewarden.sources.kept_container import arguments, image, variables
from scalewarden.sources.kept_objects import introduce, keep
from scalewarden.sources.kept_page import PageKeeper
from scalewarden.sources.kept_values import Keeper
from scalewarden.sources.recording import load
from scalewarden.sources.scaledobjects import autoscaler_of_scaledobject
from scalewarden.sources.workloads import workload_of
from tests.unit.model.objects import deployment
from tests.unit.sources.test_launch import UNKNOWN, WAYS

SWITCHED = (
    {"command": ["python3", "-m", "sglang.launch_server", "--model-path", "m"]},
    {"command": ["python3", "-m", "sglang.launch_server", "--model-path", "m", "--enable-metrics", "--tp", "4"]},
    {"command": ["sh", "-c", "python3 -m sglang.launch_server $EXTRA"]},
    {"image": "ghcr.io/huggingface/text-generation-inference:3", "env": [{"name": "NUM_SHARD", "value": "4"}]},
    {"image": "ghcr.io/ggml-org/llama.cpp:server", "args": ["-np", "4", "-c", "8192"], "envFrom": [{"secretRef": {}}]},
    {"image": "ghcr.io/ggml-org/llama.cpp:server", "env": [{"name": "LLAMA_ARG_ENDPOINT_METRICS", "value": "1"}]},
    {"command": ["python3", "-m", "dynamo.vllm"], "env": [{"name": "DYN_SYSTEM_PORT", "valueFrom": {"x": {}}}]},
    {"command": ["trtllm-serve", "m", "--tp_size", "8", "--max_batch_size=64", "--server_role", "context"]},
    {"command": ["vllm", "serve", "m", "--kv-transfer-config", '{"kv_role": "kv_consumer", "a": {"b": "c"}}']},
    {"image": "rayproject/ray:2", "command": ["ray", "start", "--head", "--metrics-export-port=8080"]},
    {"image": "nvcr.io/nim/meta/llama:1", "env": [{"name": "NIM_TENSOR_PARALLEL_SIZE", "value": "2"}]},
    {"command": ["tritonserver", "--model-repository=/m", "--allow-metrics=false", "--metrics-port", "8003"]},
)
"""Ways to start engines other than vLLM, beside those of the tests of launches."""

LINES = [
    (["--max-num-seqs", "64", "--api-key", "k"], ["--max-num-seqs", "64", "<redacted>"]),
    (["--max_num_seqs=64", "--served-model-name=acme"], ["--max_num_seqs=64", "--served-model-name=<redacted>"]),
    (["vllm", "serve", "acme/secret-model", "-tp", "4"], ["vllm", "serve", "<redacted>", "-tp", "4"]),
    (
        ["sh", "-c", "TOKEN=x exec vllm serve m --dtype fp8"],
        ["<redacted>", "vllm", "serve", "<redacted>", "--dtype", "fp8"],
    ),
    (
        ["sh", "-c", "if x; then vllm serve m -tp 2; else vllm serve m -tp 4 $MORE; fi"],
        ["sh", "-c", "vllm serve '<redacted>' -tp 2; vllm serve '<redacted>' -tp 4 $redacted"],
    ),
    (["--max-num-seqs", "$(SEQS)", "--port", "$(TOKEN)"], ["--max-num-seqs", "8", "--port", "<redacted>"]),
    (["--chat-template", "You are {{x}}", "--enforce-eager"], ["<redacted>", "--enforce-eager"]),
    (["--hf-overrides={'a': 'b'}", "--dtype", "my own"], ["<redacted>", "--dtype", "<redacted>"]),
    (
        ["--kv-transfer-config", '{"kv_role": "kv_producer", "x": "s"}'],
        ["--kv-transfer-config", '{"kv_role": "kv_producer"}'],
    ),
    (["--gpu-memory-utilization", "0.92"], ["--gpu-memory-utilization", "0.92"]),
    ([], []),
]


@pytest.mark.parametrize(("words", "shown"), LINES)
def test_arguments_are_known_flags_with_plain_values(words: list[str], shown: list[str]) -> None:
    env = [{"name": "SEQS", "value": "8"}, {"name": "TOKEN", "value": "hunter2"}]
    assert arguments({"args": words, "env": env}, Keeper()) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("vllm/vllm-openai:v0.32.0", "vllm-openai:v0.32.0"),
        ("registry.acme.example/team-x/vllm-openai-cpu:v0.32.0-acme7", "vllm-openai-cpu:v0.32.0"),
        ("nvcr.io/nvidia/tritonserver:25.01-trtllm-python-py3", "tritonserver-trtllm:25.01-trtllm-python-py3"),
        ("acme/vllm@sha256:0123", "vllm"),
        ("acme/secret:tag", "<redacted>"),
        ("acme/myvllmfork:nightly", "vllm:nightly"),
    ],
)
def test_an_image_is_its_engine_build_and_version(written: str, shown: str) -> None:
    assert image(written, Keeper()) == shown


def test_of_variables_only_known_ones_with_plain_values() -> None:
    entries = [
        {"name": "VLLM_USE_V1", "value": "1"},
        {"name": "VLLM_API_KEY", "value": "1"},
        {"name": "NUM_SHARD", "value": "four"},
        {"name": "MAX_BATCH_SIZE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    assert variables({"env": entries}, Keeper()) == [
        {"name": "NUM_SHARD", "value": "<redacted>"},
        {"name": "VLLM_USE_V1", "value": "1"},
        {"name": "MAX_BATCH_SIZE", "valueFrom": {}},
    ]


NAMES_OF_MODELS = ("image", "args", "served_model_name")


@pytest.mark.parametrize("container", [*WAYS.values(), *UNKNOWN.values(), *SWITCHED])
def test_what_a_container_states_is_still_stated(container: dict[str, Any]) -> None:
    workload = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}}}
    kept = keep(workload, Keeper())
    before, after = (workload_of(one["spec"]["template"]) for one in (workload, kept))
    for name in (field.name for field in fields(Workload) if field.name not in NAMES_OF_MODELS):
        assert getattr(after, name) == getattr(before, name), (name, kept)


def test_objects_lose_what_nobody_reads() -> None:
    obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "svc",
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "prometheus.io/port": "8000"},
            "labels": {"app": "svc", "cost-center": "4711"},
        },
        "spec": {"replicas": 2, "template": {"spec": {"volumes": [{"secret": {}}], "initContainers": [{}]}}},
    }
    keeper = Keeper()
    introduce([obj], keeper)
    assert keep(obj, keeper) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "svc", "annotations": {"prometheus.io/port": "8000"}, "labels": {"app": "svc"}},
        "spec": {"replicas": 2, "template": {"spec": {}}},
    }


def test_selectors_still_select_under_their_aliases() -> None:
    labels = {"acme.example/team": "blue", "app": "svc"}
    workload = {
        "kind": "Deployment",
        "metadata": {"name": "svc"},
        "spec": {"template": {"metadata": {"labels": labels}}},
    }
    service = {"kind": "Service", "metadata": {"name": "x"}, "spec": {"selector": {"acme.example/team": "blue"}}}
    keeper = Keeper()
    introduce([workload, service], keeper)
    kept_labels = keep(workload, keeper)["spec"]["template"]["metadata"]["labels"]
    assert kept_labels == {"label~1": "value~1", "app": "svc"}
    assert keep(service, keeper)["spec"]["selector"] == {"label~1": "value~1"}


def test_what_a_user_declares_by_text_is_replaced_consistently() -> None:
    custom = [{"signal": "kv_usage", "series": "acme_kv"}, {"signal": "waiting", "promql": "sum(acme_q{a='b'})"}]
    metrics = {"port": "acme", "path": "/acme/token"}
    obj = deployment({"engine": "Custom", "signals": {"custom": custom}, "metrics": metrics})
    keeper = Keeper()
    shown = keep(obj, keeper)["spec"]
    assert "acme" not in str(shown)
    InferenceDeployment.parse(keep(obj, keeper))
    series = shown["signals"]["custom"][0]["series"]
    assert PageKeeper(keeper).page([Sample("acme_kv", {}, 0.5)]) == f"{series}{{}} 0.5\n"


def test_a_custom_engine_is_read_from_its_bundle(tmp_path: Path) -> None:
    custom = [
        {"signal": "kv_usage", "series": 'acme_kv{engine="0"}', "scale": "0.01"},
        {"signal": "gen_tps", "series": "acme_tokens_total"},
        {"signal": "queue_mean", "series": "acme_queue_seconds"},
    ]
    declared = deployment({"engine": "Custom", "signals": {"custom": custom}})
    bundle = Bundle.begin(tmp_path / "b")
    for step in range(4):
        page = (
            f'acme_kv{{engine="0"}} 50\nacme_kv{{engine="1"}} 99\nacme_tokens_total {100 * step}\n'
            f"acme_queue_seconds_sum {step}\nacme_queue_seconds_count {2 * step}\n"
        )
        bundle.add(PodKey("serving", "a"), Scrape(100.0 + 15 * step, tuple(parse(page))))
    bundle.describe(Known(declared, [], [pod("a")], {}, 145.0))
    assert "acme" not in (tmp_path / "b" / "recording.yaml").read_text()
    [replica] = load(tmp_path / "b").snapshot().replicas
    values = [replica.reading(SignalName(name)) for name in ("kv_usage", "gen_tps", "queue_mean")]
    assert [one and round(one.value, 3) for one in values] == [0.5, 6.667, 0.5]


QUERIES = (
    "avg(DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE))",
    "avg(DCGM_FI_DEV_GPU_UTIL) or vector(0)",
    "avg(vllm:kv_cache_usage_perc) * 100",
    "max by (acme_tenant) (vllm:num_requests_waiting)",
    "service:acme_queue:sum",
    "sum(vllm:num_requests_waiting) # or vector(0) for acme",
    "sum(vllm:num_requests_waiting) OR on() (vector(0))",
    "sum(vllm:num_requests_waiting) default 0",
    "sum(acme_num_requests_waiting) / sum(vllm:num_requests_running)",
    'avg(vllm:kv_cache_usage_perc{model_name="acme", job=~"acme-.*"}) by (model_name)',
    """avg({"kubernetes.io/container/accelerator/duty_cycle", pod='acme'})""",
    'avg({__name__="acme_gpu_utilization"})',
    'avg({__name__=~"DCGM_FI_PROF_acme_active"})',
    'max(max_over_time(sglang:token_usage{namespace="acme"}[1m]))',
    'sum(vllm:num_requests_waiting{dashboard="gpu_utilization of acme"}) - 3',
    "acme:token_usage",
    "acmeGPUUtilization",
    'sum(acme:wva_desired_replicas{x="}"})',
    "fi_prof_acme_active",
    'sum(vllm:num_requests_waiting{a="acme)',
    "max by (pod) (vllm:kv_cache_usage_perc)",
    "max(vllm:kv_cache_usage_perc) by (instance, acme)",
    "histogram_quantile(0.95, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket[5m])))",
    "sum(vllm:num_requests_waiting) or (sum(up) * 0)",
    "sum(rate(vllm:num_requests_waiting[1m]))",
    'sum(vllm:num_requests_waiting) / on() kube_deployment_status_replicas{deployment="acme"}',
    'sum(vllm:num_requests_waiting) / scalar(count(up{job="acme"}))',
    "max(vllm:num_requests_running) / max(acme:limit)",
    "max(vllm:num_requests_running) / scalar(vector(32))",
    "avg(acme_gpu_utilization)",
    'sum(vllm:num_requests_waiting) or on() label_replace(vector(0), "acme", "b", "", "")',
)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_judged_the_same_without_its_texts(query: str) -> None:
    trigger = {"type": "prometheus", "metadata": {"query": query, "threshold": "5"}}
    scaled = {"kind": "ScaledObject", "metadata": {"name": "a"}, "spec": {"triggers": [trigger]}}
    kept = keep(scaled, Keeper())
    assert "acme" not in str(kept).lower()
    [before], [after] = (autoscaler_of_scaledobject(one).metrics for one in (scaled, kept))
    for judge in (
        promql.aggregated, promql.outermost, promql.calculates, promql.reads_zero_for_nothing, promql.fractions,
        promql.percentages, promql.queues, gpu_metrics.busy_time, gpu_metrics.framebuffer, gpu_metrics.follows_load,
        gpu_metrics.unreported_under_mig, promql.folded, promql.of_gpus, promql.rated_gauge,
        promql.split, promql.quantile, promql.waits, promql.waiting,
    ):  # fmt: skip
        assert bool(judge(after)) is bool(judge(before)), (judge.__name__, after.query)
    assert len(promql.series(after)) == len(promql.series(before))


TOLD = (
    ("gcp-stackdriver", "filter", 'metric.type="prometheus.googleapis.com/DCGM_FI_DEV_GPU_UTIL/gauge" AND zone="acme"'),
    ("aws-cloudwatch", "metricName", "GPUUtilization"),
    ("aws-cloudwatch", "expression", 'SELECT MAX("acme_gpu_memory_used") FROM "acme"'),
    ("datadog", "query", "avg:vllm.num_requests_waiting{kube_namespace:acme}"),
    ("metrics-api", "valueLocation", "acme.queue_size"),
    ("metrics-api", "valueLocation", "acme.value"),
)


@pytest.mark.parametrize(("kind", "key", "text"), TOLD)
def test_what_another_trigger_says_is_judged_the_same_without_its_texts(kind: str, key: str, text: str) -> None:
    trigger = {"type": kind, "metadata": {key: text, "targetValue": "60"}}
    scaled = {"kind": "ScaledObject", "metadata": {"name": "a"}, "spec": {"triggers": [trigger]}}
    kept = keep(scaled, Keeper())
    assert "acme" not in str(kept).lower()
    [before], [after] = (autoscaler_of_scaledobject(one).metrics for one in (scaled, kept))
    assert before.said == text and not before.query and after.said
    for judge in (gpu_metrics.busy_time, gpu_metrics.framebuffer, gpu_metrics.follows_load):
        assert bool(judge(after)) is bool(judge(before)), (judge.__name__, after.said)


def test_series_stay_apart_and_keep_their_identity_from_page_to_page() -> None:
    keeper = PageKeeper(Keeper())

    def page(*zones: str) -> list[Sample]:
        text = keeper.page([Sample("vllm:num_requests_running", {"engine": "0", "zone": zone}, 1.0) for zone in zones])
        return parse(text)

    first = {sample.labels["other"] for sample in page("a", "b")}
    assert len(first) == 2
    assert [sample.labels["other"] for sample in page("b", "c", "a")] == ["2", "3", "1"]


def test_models_have_aliases_unless_asked_for() -> None:
    sample = Sample("vllm:num_requests_running", {"model_name": "acme/llama"}, 1.0)
    assert 'model_name="model_name~1"' in PageKeeper(Keeper()).page([sample, sample])
    assert 'model_name="acme/llama"' in PageKeeper(Keeper(), models=True).page([sample])
    long = Sample("vllm:num_requests_running", {"model_name": "x" * 201}, 1.0)
    assert "xxx" not in PageKeeper(Keeper(), models=True).page([long])


def pod(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "serving"}}


def known(*pods: str, at: float = 100.0, **more: Any) -> Known:
    return Known(deployment({}), [], [pod(name) for name in pods], more.get("exporters", {}), at)


def scrape(at: float, value: float = 1.0) -> Scrape:
    return Scrape(at, (Sample("vllm:num_requests_running", {}, value),))


def test_a_bundle_can_be_read_while_it_grows(tmp_path: Path) -> None:
    bundle = Bundle.begin(tmp_path / "b")
    bundle.describe(known("a", "b"))
    assert [replica.pod for replica in load(tmp_path / "b").replicas] == ["a", "b"]
    for at in (100.25, 105.0):
        bundle.add(PodKey("serving", "a"), scrape(at))
        bundle.add(PodKey("serving", "a"), scrape(at))  # the same page once more
    bundle.describe(known("a", "b", at=105.1))
    recording = load(tmp_path / "b")
    assert recording.instants == (100.25, 105.0) and recording.at == 105.1
    assert {path.name for path in (tmp_path / "b" / "scrapes" / "a").iterdir()} == {"100.25.prom.gz", "105.prom.gz"}
    assert bundle.pages == {"a": 2}


def test_an_exporter_never_takes_the_folder_of_a_replica(tmp_path: Path) -> None:
    bundle = Bundle.begin(tmp_path / "b")
    one, other = PodKey("gpu", "a"), PodKey("gpu-2", "a")
    for key in (one, other):
        bundle.add(key, scrape(100.0), exporter=True)
    bundle.add(PodKey("serving", "a"), scrape(100.0))
    bundle.describe(known("a", exporters={one: "dcgm", other: "dcgm"}))
    assert sorted(bundle.pages) == ["a", "exporter_a", "exporter_a_2"]
    assert sorted(load(tmp_path / "b").exporters) == ["exporter_a", "exporter_a_2"]


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(BadInput, match="the folder is not empty"):
        Bundle.begin(tmp_path)
    with pytest.raises(BadInput, match="cannot be written"):
        Bundle.begin(tmp_path / "mine")


def test_the_document_is_plain_yaml_without_anchors(tmp_path: Path) -> None:
    bundle = Bundle.begin(tmp_path / "b")
    shared = {"app": "svc"}
    pods = [{**pod(name), "metadata": {"name": name, "labels": shared}} for name in ("a", "b")]
    bundle.describe(Known(deployment({}), [], pods, {}, 1.0))
    text = (tmp_path / "b" / "recording.yaml").read_text()
    assert "&id" not in text and yaml.safe_load(text)["replicas"] == [{"pod": n, "source": n} for n in ("a", "b")]


def test_pages_are_packed_the_same_each_time(tmp_path: Path) -> None:
    contents = []
    for name in ("x", "y"):
        bundle = Bundle.begin(tmp_path / name)
        bundle.add(PodKey("serving", "a"), scrape(100.0))
        [file] = (tmp_path / name).rglob("*.gz")
        contents.append(file.read_bytes())
    assert contents[0] == contents[1]
    assert gzip.decompress(contents[0]) == b"vllm:num_requests_running{} 1.0\n"
