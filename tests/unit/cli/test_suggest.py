"""`scalewarden suggest` on manifests and recordings: what is printed where, and what a person is told."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from scalewarden.cli.suggest_work import accused
from scalewarden.model.finding import Status
from scalewarden.model.snapshot import History, ScaleUp
from scalewarden.sources.recording import load
from scalewarden.surfaces.suggest import Kind
from tests import builders as build
from tests.unit.check.manifests import deployment
from tests.unit.cli.command import Command
from tests.unit.cli.synthetic import Load, write
from tests.unit.surfaces.suggested import judged, suggestion, text

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "examples" / "demo"
OURS = "scalewarden.dev/v1alpha1"
SCREENS = Path(__file__).parent / "screens"
HPA_ON_CPU = {
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "llama-70b"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "llama-70b"}, "maxReplicas": 4},
}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "svc"}


def pods(container: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": [container]}}


def recording(folder: Path, load: Load | None = None, **more: Any) -> Path:
    """Three replicas of vLLM on a GPU each, with an HPA on CPU."""
    container = {"name": "vllm", "image": "vllm/vllm-openai:v0.32.0", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    meta = {"name": "svc", "namespace": "serving"}
    deployment = {**TARGET, "metadata": meta, "spec": {"replicas": 3, "template": pods(container)}}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    spec = {"scaleTargetRef": TARGET, "minReplicas": 2, "maxReplicas": 5, "metrics": [cpu]}
    hpa = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {**meta, "name": "cpu"}}
    return write(folder, load, objects=[deployment, {**hpa, "spec": spec}], **more)


@pytest.mark.parametrize(("flags", "screen"), [((), "suggest-hpa.yaml"), (("--keda",), "suggest-keda.yaml")])
def test_the_whole_of_what_is_printed(scalewarden: Command, flags: tuple[str, ...], screen: str) -> None:
    ran = scalewarden("suggest", DEMO / "llama-70b.yaml", *flags)
    assert ran.code == 0
    assert ran.out == (SCREENS / screen).read_text(encoding="utf-8")
    assert ran.err == (
        "Deployment/llama-70b: describe it with an InferenceDeployment of this name, "
        "or scalewarden_safe_replicas has no value\n"
    )


def test_a_folder_gives_one_document_for_each_service(scalewarden: Command) -> None:
    ran = scalewarden("suggest", DEMO)
    found = list(yaml.safe_load_all(ran.out))
    least = {one["metadata"]["name"]: one["spec"]["minReplicas"] for one in found}
    assert least == {"chat-8b": 5, "llama-70b": 1}
    assert ran.err == ""
    assert scalewarden("suggest", DEMO).out == ran.out


@pytest.mark.parametrize("flags", [(), ("--keda",)])
def test_a_recording_is_followed_as_observed_and_found_sound(
    scalewarden: Command, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    folder = recording(tmp_path / "r", Load(kv=lambda t: 0.6))
    ran = scalewarden("suggest", folder, *flags)
    (obj,) = yaml.safe_load_all(ran.out)
    findings = judged(obj, load(folder).snapshot())
    assert (ran.code, {finding.status for finding in findings}) == (0, {Status.CLEAR})
    assert "Name: as read on a replica." in " ".join(ran.out.replace("#", "").split())
    assert "observed: the fullest of 3 replicas peaked at 0.60" in " ".join(ran.out.replace("#", "").split())
    spec, keda = obj["spec"], bool(flags)
    assert spec["minReplicaCount" if keda else "minReplicas"] == 2
    assert obj["metadata"]["name"] == ("svc" if keda else "cpu")
    assert ("delete HorizontalPodAutoscaler/cpu first" in ran.err) is keda


def test_the_maximum_is_never_under_what_the_load_needs(scalewarden: Command, tmp_path: Path) -> None:
    folder = recording(tmp_path / "r", Load(kv=lambda t: 0.9), replicas=3)
    lower = (folder / "recording.yaml").read_text().replace("maxReplicas: 5", "maxReplicas: 2")
    (folder / "recording.yaml").write_text(lower)
    assert yaml.safe_load(scalewarden("suggest", folder).out)["spec"]["maxReplicas"] == 3


def test_a_real_service_on_cpus_gets_nothing_and_the_reason(scalewarden: Command) -> None:
    ran = scalewarden("suggest", ROOT / "examples" / "recordings" / "light")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("Deployment/svc: nothing to suggest: vLLM runs on CPUs here")


def piped(monkeypatch: pytest.MonkeyPatch, *objects: Any) -> None:
    given = io.BytesIO(yaml.safe_dump_all(objects).encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(given, encoding="utf-8"))


def workload(image: str, name: str = "x", gpus: int = 1, **metadata: str) -> dict[str, Any]:
    container = {"name": "a", "image": image, "resources": {"limits": {"nvidia.com/gpu": gpus} if gpus else {}}}
    spec = {"replicas": 2, "template": pods(container)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, **metadata}, "spec": spec}


def test_what_is_no_inference_is_left_alone(scalewarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, workload("redis:8", "cache", gpus=0), workload("vllm/vllm-openai:v0.32.0", namespace="a"))
    ran = scalewarden("suggest", "-")
    assert yaml.safe_load(ran.out)["metadata"] == {"name": "x", "namespace": "a"}
    assert ran.err.splitlines()[0].startswith("Deployment/cache: nothing to suggest: it is no LLM inference")


def test_a_model_without_a_kv_cache_is_left_alone(scalewarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    embeds = workload("vllm/vllm-openai:v0.32.0")
    embeds["spec"]["template"]["spec"]["containers"][0]["args"] = ["--model", "m", "--task", "embed"]
    piped(monkeypatch, embeds)
    ran = scalewarden("suggest", "-")
    assert (ran.code, ran.out) == (0, "") and "one for embeddings" in ran.err


def test_an_engine_for_gpus_whose_manifest_asks_for_none(scalewarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, workload("vllm/vllm-openai:v0.32.0", gpus=0))
    ran = scalewarden("suggest", "-")
    assert yaml.safe_load(ran.out)["kind"] == "HorizontalPodAutoscaler"
    assert "its manifest asks for no GPU" in ran.err


def test_a_template_that_nobody_rendered(scalewarden: Command, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ .Values.x }}\n")
    ran = scalewarden("suggest", tmp_path)
    assert (ran.code, ran.out) == (2, "") and "t.yaml:3: a template that is not rendered" in ran.err


def test_what_is_no_yaml(scalewarden: Command, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: [\n")
    ran = scalewarden("suggest", tmp_path)
    assert (ran.code, ran.out) == (2, "") and ran.err.startswith(f"error: {tmp_path}/t.yaml:")


def test_a_namespace_that_no_manifest_names(scalewarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, workload("vllm/vllm-openai:v0.32.0"))
    ran = scalewarden("suggest", "-")
    assert "`default` is taken; -n names another" in ran.err and "namespace: default" in ran.out
    piped(monkeypatch, workload("vllm/vllm-openai:v0.32.0"))
    ran = scalewarden("suggest", "-", "-n", "serving")
    assert "-n names another" not in ran.err and "namespace: serving" in ran.out


def test_series_of_ones_own(scalewarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    kv, queue = {"signal": "kv_usage", "series": "house_cache"}, {"signal": "waiting", "series": 'house_queue{q="1"}'}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    declared = {"apiVersion": OURS, "kind": "InferenceDeployment", "metadata": {"name": "house"}}
    spec = {"targetRef": target, "engine": "Custom", "signals": {"custom": [kv, queue]}}
    piped(monkeypatch, workload("acme/house:1"), {**declared, "spec": spec})
    metrics = yaml.safe_load(scalewarden("suggest", "-").out)["spec"]["metrics"]
    assert [one["pods"]["metric"]["name"] for one in metrics[:2]] == ["house_cache", "house_queue"]
    assert metrics[1]["pods"]["metric"]["selector"] == {"matchLabels": {"q": "1"}}
    spec["signals"] = {"custom": [{"signal": "kv_usage", "promql": "max by (pod) (x)"}]}
    piped(monkeypatch, workload("acme/house:1"), {**declared, "spec": spec})
    ran = scalewarden("suggest", "-")
    assert (ran.code, ran.out) == (0, "") and "spec.signals.custom names no series" in ran.err


def test_a_series_of_ones_own_that_is_unsound(scalewarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [{"signal": "kv_usage", "series": "DCGM_FI_PROF_GR_ENGINE_ACTIVE"}]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    spec = {"targetRef": target, "engine": "Custom", "signals": {"custom": busy}}
    piped(
        monkeypatch,
        workload("acme/house:1"),
        {"apiVersion": OURS, "kind": "InferenceDeployment", "metadata": {"name": "x"}, "spec": spec},
    )
    ran = scalewarden("suggest", "-")
    assert (ran.code, ran.out) == (0, "") and "nothing to suggest: ASC602 fires on what it would follow" in ran.err


def test_what_another_autoscaler_did_is_not_held_against_it() -> None:
    scaled = ScaleUp(at=build.AT - 400, from_=2, to=4, tokens_before=800.0, waiting_before=0.0)
    history = History(since=build.AT - 3600, scale_up=scaled)
    snapshot = build.snapshot(build.fleet(4, gen_tps=200), history=history)
    printed = text(suggestion(snapshot), Kind.HPA)
    findings = {finding.rule: finding for finding in judged(yaml.safe_load(printed), snapshot)}
    assert findings["ASC605"].fired
    assert accused(printed, snapshot) == ""
    assert "ASC601" in accused(yaml.safe_dump(HPA_ON_CPU), snapshot)


def test_manifests_without_a_workload(scalewarden: Command, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Service\n")
    ran = scalewarden("suggest", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {tmp_path}: no workload is in it") and "hint: give manifests of" in ran.err


def test_a_path_that_is_not_there(scalewarden: Command, tmp_path: Path) -> None:
    for path in (tmp_path / "none", "none.yaml"):
        ran = scalewarden("suggest", path)
        assert (ran.code, ran.out) == (2, "") and "there is no such file or folder" in ran.err


@pytest.mark.parametrize("count", [-7, 10**400])
def test_counts_that_no_cluster_has(scalewarden: Command, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    vast = workload("vllm/vllm-openai:v0.32.0")
    vast["spec"]["replicas"] = count
    reference = {"kind": "Deployment", "name": "x"}
    spec = {"scaleTargetRef": reference, "minReplicas": count, "maxReplicas": count}
    for others in (
        (),
        (
            {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": "there"},
                "spec": spec,
            },
        ),
    ):
        piped(monkeypatch, vast, *others)
        found = yaml.safe_load(scalewarden("suggest", "-").out)["spec"]
        assert 1 <= found["minReplicas"] <= found["maxReplicas"] <= 2**31 - 1


def test_a_name_that_no_file_may_have(scalewarden: Command) -> None:
    ran = scalewarden("suggest", f"{'a' * 300}/x.yaml")
    assert (ran.code, ran.out) == (2, "") and "there is no such file or folder" in ran.err


def test_a_hostile_manifest_stays_inside_its_comment(scalewarden: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = {"kind": "Deployment", "name": "x"}
    evil = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "a\nkind: Secret"},
        "spec": {"scaleTargetRef": reference},
    }
    piped(monkeypatch, workload("vllm/vllm-openai:v0.32.0"), evil)
    (obj,) = yaml.safe_load_all(scalewarden("suggest", "-").out)
    assert obj["kind"] == "HorizontalPodAutoscaler"


@pytest.mark.parametrize(
    ("image", "series"),
    [
        ("vllm/vllm-openai:v0.8.5", "vllm:gpu_cache_usage_perc"),
        ("vllm/vllm-openai:v0.9.1.post1", "vllm:gpu_cache_usage_perc"),
        ("vllm/vllm-openai:v0.9.2", "vllm:kv_cache_usage_perc"),
        ("vllm/vllm-openai:v0.21.0", "vllm:kv_cache_usage_perc"),
        ("vllm/vllm-openai:latest", "vllm:kv_cache_usage_perc"),
        ("registry.corp/serving:0.8.0", "vllm:kv_cache_usage_perc"),
    ],
)
def test_series_are_called_as_the_image_calls_them(
    scalewarden: Command, tmp_path: Path, image: str, series: str
) -> None:
    (tmp_path / "llm.yaml").write_text(deployment(image, args=["vllm", "serve", "m"]))
    ran = scalewarden("suggest", tmp_path / "llm.yaml")
    assert ran.code == 0, ran.err
    assert f"name: '{series}'" in ran.out
