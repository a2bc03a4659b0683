"""Manifests in files: what is read, in which order, and what a person is told of a file that cannot be."""

import io
import json
from pathlib import Path

import pytest

from scalewarden.errors import BadInput, BadObject
from scalewarden.model.workload import Engine
from scalewarden.sources import workload_files
from scalewarden.sources.workload_files import read_objects
from scalewarden.sources.workload_manifests import described

VLLM = {"name": "a", "image": "vllm/vllm-openai:v0.32.0", "resources": {"limits": {"nvidia.com/gpu": 2}}}
POD = {"containers": [VLLM]}


def workload(kind: str = "Deployment", name: str = "llama", **metadata: str) -> dict[str, object]:
    return {"kind": kind, "metadata": {"name": name, **metadata}, "spec": {"replicas": 3, "template": {"spec": POD}}}


def test_documents_lists_and_files_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.yaml").write_text("kind: A\n---\nkind: B\n---\n# nothing\n---\n- no object\n")
    (tmp_path / "a.json").write_text(json.dumps({"kind": "List", "items": [{"kind": "C"}, {"kind": "D"}, {"x": 1}]}))
    (tmp_path / "deep" / "c.yml").write_text("{kind: E}")
    (tmp_path / "notes.txt").write_text("kind: [")
    assert [one["kind"] for one in read_objects(str(tmp_path))] == ["C", "D", "A", "B", "E"]
    assert [one["kind"] for one in read_objects(str(tmp_path / "b.yaml"))] == ["A", "B"]


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("kind: A"))
    assert [one["kind"] for one in read_objects("-")] == ["A"]


def test_stdin_that_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"kind: \xff"), encoding="utf-8"))
    with pytest.raises(BadInput, match="cannot be read"):
        read_objects("-")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file or folder"):
        read_objects(str(tmp_path / "none.yaml"))


def test_a_template_that_nobody_rendered(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("kind: A\nspec: {{ .Values.x }}\n")
    with pytest.raises(BadInput) as said:
        read_objects(str(path))
    assert said.value.where == f"{path}:2" and "helm template" in said.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"kind: \x00"])
def test_what_is_no_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(BadInput) as said:
        read_objects(str(tmp_path))
    assert said.value.where.startswith(str(tmp_path / "a.yaml"))


def test_a_file_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload_files, "LARGEST", 10)
    (tmp_path / "a.yaml").write_text("kind: Aaaaaaaaaaaaa")
    with pytest.raises(BadInput, match="more than"):
        read_objects(str(tmp_path))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_workload_is_a_service_that_nobody_looked_at(kind: str) -> None:
    (found,) = described([workload(kind)], "serving")
    snapshot = found.snapshot
    assert (snapshot.name, snapshot.namespace, snapshot.target.kind) == ("llama", "serving", kind)
    assert snapshot.replicas == ()
    assert (snapshot.engine, snapshot.replicas_desired, snapshot.workload.gpus_per_replica) == (Engine.VLLM, 3, 2)
    assert (snapshot.target.api_version, found.made, found.unplaced) == ("apps/v1", True, True)


def test_the_leader_of_a_group() -> None:
    group = {"size": 2, "leaderTemplate": {"spec": POD}, "workerTemplate": {"spec": POD}}
    spec = {"replicas": 1, "leaderWorkerTemplate": group}
    lws = {"kind": "LeaderWorkerSet", "metadata": {"name": "big"}, "spec": spec}
    (found,) = described([lws], "serving")
    assert found.snapshot.target.api_version == "leaderworkerset.x-k8s.io/v1"
    assert (found.snapshot.engine, found.snapshot.workload.gpus_per_replica) == (Engine.VLLM, 4)


def declared(name: str = "chat", **metadata: str) -> dict[str, object]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    spec = {"targetRef": target, "engine": "SGLang", "policy": {"minReplicas": 4}}
    return {"kind": "InferenceDeployment", "metadata": {"name": name, **metadata}, "spec": spec}


def hpa(**metadata: str) -> dict[str, object]:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    spec = {"scaleTargetRef": reference, "maxReplicas": 9}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "there", **metadata}, "spec": spec}


def test_what_stands_beside_it_counts() -> None:
    (found,) = described([hpa(), workload(namespace="serving"), declared()], "serving")
    assert (found.snapshot.name, found.snapshot.engine) == ("chat", Engine.SGLANG)
    assert (found.made, found.unplaced) == (False, False)
    assert found.declared.policy.min_replicas == 4
    assert [one.max_replicas for one in found.snapshot.autoscalers] == [9]


def test_what_stands_in_another_namespace_does_not() -> None:
    (found,) = described([hpa(namespace="b"), workload(namespace="a"), declared(namespace="b")], "serving")
    assert (found.snapshot.namespace, found.made, found.snapshot.autoscalers) == ("a", True, ())


@pytest.mark.parametrize("metadata", [{"name": "Not a name"}, {"name": ""}, {"name": 7}, {}])
def test_a_workload_without_a_name(metadata: dict[str, object]) -> None:
    with pytest.raises(BadObject):
        list(described([{"kind": "Deployment", "metadata": metadata}], "serving"))


def test_an_object_of_ours_that_does_not_hold_together() -> None:
    broken = {"kind": "InferenceDeployment", "metadata": {"name": "x"}, "spec": {}}
    with pytest.raises(BadObject, match="targetRef"):
        list(described([broken], "serving"))
