"""Recordings: what is read, and which file and line is blamed for what is not."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scalewarden.errors import BadInput, BadRecording
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.workload import Engine
from scalewarden.sources.recording import load

HEAD = """\
inferenceDeployment:
  spec:
    targetRef: {apiVersion: apps/v1, kind: Deployment, name: llama}
"""
REPLICAS = """\
replicas:
  - {pod: llama-0, source: a}
"""
PAGE = 'vllm:kv_cache_usage_perc{engine="0"} 0.5\nvllm:generation_tokens_total{engine="0"} 100\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound recording of one replica with two scrapes."""
    (tmp_path / "recording.yaml").write_text(HEAD + REPLICAS)
    scrapes = tmp_path / "scrapes" / "a"
    scrapes.mkdir(parents=True)
    (scrapes / "1000.prom").write_text(PAGE)
    (scrapes / "1010.prom.gz").write_bytes(gzip.compress(PAGE.replace(" 100", " 200").encode()))
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "recording.yaml").write_text(text)


def test_a_sound_recording(folder: Path):
    recording = load(folder)
    assert (recording.at, recording.instants, recording.intent) == (1010.0, (1000.0, 1010.0), None)
    snapshot = recording.snapshot()
    assert (snapshot.key, snapshot.target.key, snapshot.engine) == ("default/llama", "deployments/llama", Engine.VLLM)
    assert (snapshot.at, snapshot.replicas_desired, snapshot.scrape_interval) == (1010.0, 1, 10.0)
    (replica,) = snapshot.replicas
    assert (replica.pod, replica.ready, replica.ready_since, replica.restarted_at) == ("llama-0", True, None, None)
    rate = replica.signal(SignalName.GEN_TPS)
    assert isinstance(rate, Reading)
    assert rate.value == 10.0


def test_json_is_read_too(folder: Path):
    spec = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}}
    content = {"inferenceDeployment": {"spec": spec}, "replicas": [{"pod": "llama-0", "source": "a"}], "at": 1005}
    write(folder, json.dumps(content))
    assert load(folder).snapshot().at == 1005.0


@pytest.mark.parametrize("at", ["1005", "1970-01-01T00:16:45Z", '"1970-01-01T01:16:45+01:00"'])
def test_instants_in_both_forms(folder: Path, at: str):
    write(folder, f"{HEAD}{REPLICAS}at: {at}\n")
    snapshot = load(folder).snapshot()
    assert snapshot.at == 1005.0
    kv = snapshot.replicas[0].signal(SignalName.KV_USAGE)
    assert isinstance(kv, Reading)
    assert kv.at == 1000.0  # the later scrape had not happened yet


def test_files_may_be_named_by_rfc_3339(folder: Path):
    (folder / "scrapes" / "a" / "1970-01-01T00:17:00Z.prom").write_text(PAGE)
    assert load(folder).at == 1020.0


def test_an_earlier_instant_sees_nothing_later(folder: Path):
    snapshot = load(folder).snapshot(at=1000.0)
    assert isinstance(snapshot.replicas[0].signal(SignalName.KV_USAGE), Reading)
    rate = snapshot.replicas[0].signal(SignalName.GEN_TPS)
    assert rate == Absent("only one scrape: a rate needs two")


def test_a_replica_does_not_serve_before_it_was_ready(folder: Path):
    late = folder / "scrapes" / "b"
    late.mkdir()
    (late / "1010.prom").write_text(PAGE)
    write(folder, f"{HEAD}{REPLICAS}  - {{pod: llama-1, source: b}}\n  - {{pod: llama-2, readySince: 1005}}\n")
    recording = load(folder)
    assert [replica.ready for replica in recording.snapshot().replicas] == [True, True, True]
    assert [replica.ready for replica in recording.snapshot(at=1001.0).replicas] == [True, False, False]


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["absent", "empty"])
def test_a_source_without_scrapes_is_absent_not_bad(folder: Path, make: Callable[[Path], None]):
    make(folder / "scrapes" / "b")
    write(folder, f"{HEAD}{REPLICAS}  - {{pod: llama-1, source: b}}\nexporters: [{{source: dcgm, kind: dcgm}}]\n")
    snapshot = load(folder).snapshot()
    silent = Absent("the recording holds no scrape of it")
    assert snapshot.replicas[1].signal(SignalName.KV_USAGE) == silent
    assert snapshot.replicas[1].signal(SignalName.GPU_BUSY) == silent


def test_everything_a_replica_may_say(folder: Path):
    exporter = folder / "scrapes" / "dcgm"
    exporter.mkdir()
    (exporter / "1010.prom").write_text('DCGM_FI_PROF_GR_ENGINE_ACTIVE{UUID="GPU-a",GPU_I_ID="9"} 0.9\n')
    write(
        folder,
        HEAD
        + """\
replicas:
  - pod: llama-0
    source: a
    ready: false
    node: gpu-1
    gpus: [{uuid: GPU-a, migProfile: 1g.10gb, gpuInstance: 9}]
exporters: [{source: dcgm, kind: dcgm}]
intent: {from: 4, to: 3, actor: user, path: deployments/scale}
""",
    )
    recording = load(folder)
    assert recording.intent == Intent(4, 3, Actor.USER, "deployments/scale")
    (replica,) = recording.snapshot().replicas
    assert (replica.ready, replica.node) == (False, "gpu-1")
    (gpu,) = replica.gpus
    assert (gpu.mig_profile, gpu.gpu_instance) == ("1g.10gb", "9")
    busy = replica.signal(SignalName.GPU_BUSY)
    assert isinstance(busy, Reading)
    assert busy.value == 0.9


def test_manifests_say_the_rest(folder: Path):
    objects: list[dict[str, Any]] = [
        {
            "kind": "Deployment",
            "metadata": {"name": "llama"},
            "spec": {
                "replicas": 3,
                "template": {
                    "metadata": {"labels": {"app": "llama"}},
                    "spec": {"containers": [{"name": "vllm", "args": ["--max-num-seqs", "64"]}]},
                },
            },
        },
        {"kind": "Deployment", "metadata": {"name": "llama", "namespace": "other"}, "spec": {"replicas": 9}},
        {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
         "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "llama"}}},
        {"kind": "Service", "metadata": {"name": "s"},
         "spec": {"selector": {"app": "llama"}, "sessionAffinity": "ClientIP"}},
        {"kind": "Pod", "metadata": {"name": "llama-0", "creationTimestamp": "1970-01-01T00:10:00Z"},
         "spec": {"nodeName": "gpu-7"},
         "status": {"conditions": [
             {"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:12:00Z"}]}},
    ]  # fmt: skip
    write(folder, f"{HEAD}{REPLICAS}objects: {json.dumps(objects)}\n")
    snapshot = load(folder).snapshot()
    assert (snapshot.replicas_desired, snapshot.workload.max_num_seqs, snapshot.routing) == (3, 64, "Sticky")
    assert [autoscaler.name for autoscaler in snapshot.autoscalers] == ["h"]
    assert (snapshot.replicas[0].node, snapshot.replicas[0].ready_since, snapshot.cold_start) == ("gpu-7", 720.0, 120.0)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "not a recording"),
        ("- a\n", 1, "not a recording"),
        ("a: [\n", 2, "not YAML"),
        (f"{HEAD}replicas: []\nreplicas: []\n", 5, "'replicas' is there twice"),
        (f"{HEAD}replica: []\n", 1, "no replicas"),
        (f"{HEAD}{REPLICAS}at: 9999-12-31T23:59:59-10:00\n", 6, "is not an instant"),
        (
            f"{HEAD}{REPLICAS}objects:\n  - {{kind: Deployment, metadata: {{name: a}}, spec: {{replicas: -3}}}}\n",
            7,
            "-3 is no replica count",
        ),
        ("replicas: []\n", 1, "no inferenceDeployment"),
        (f"{HEAD}at: 5\n", 1, "no replicas"),
        (f"{HEAD}replicas: 4\n", 4, "no replicas"),
        (f"{HEAD}replicas: [a]\n", 4, "not a mapping"),
        (f"{HEAD}{REPLICAS}  - {{source: a}}\n", 6, "a name is needed"),
        (f"{HEAD}{REPLICAS}  - {{pod: llama-0}}\n", 6, "'llama-0' is listed twice"),
        (f"{HEAD}{REPLICAS}  - {{pod: b, source: ../x}}\n", 6, "not the name of a folder"),
        (f"{HEAD}{REPLICAS}  - {{pod: b, raedy: true}}\n", 6, "unknown key 'raedy'"),
        (f"{HEAD}{REPLICAS}  - {{pod: b, ready: maybe}}\n", 6, "'maybe' is not true or false"),
        (f"{HEAD}{REPLICAS}  - {{pod: b, readySince: yesterday}}\n", 6, "'yesterday' is not an instant"),
        (f"{HEAD}{REPLICAS}  - {{pod: b, gpus: [{{migProfile: 1g.5gb}}]}}\n", 6, "a name is needed"),
        (f"{HEAD}{REPLICAS}at: 2026-13-45T00:00:00Z\n", 6, "is not an instant"),
        (f"{HEAD}{REPLICAS}at: -5\n", 6, "is not an instant"),
        (f"{HEAD}{REPLICAS}exporters: [{{source: x, kind: smi}}]\n", 6, "unknown kind of exporter"),
        (f"{HEAD}{REPLICAS}objects:\n  - {{kind: Deployment}}\n", 7, "no kind or metadata.name"),
        (f"{HEAD}{REPLICAS}intent: {{from: 4}}\n", 6, "is not a number of replicas"),
        (f"{HEAD}{REPLICAS}intent: {{from: 4, to: -1}}\n", 6, "-1 is not a number of replicas"),
        (f"{HEAD}{REPLICAS}intent: {{from: 4, to: 3, actor: robot}}\n", 6, "'robot' is no actor"),
        ("inferenceDeployment:\n  spec: {engine: vLLM}\nreplicas: []\n", 1, "targetRef"),
    ],
)
def test_a_bad_recording_names_the_line(folder: Path, text: str, line: int, what: str):
    write(folder, text)
    with pytest.raises(BadInput, match=what) as error:
        load(folder)
    file, _, number = error.value.where.partition(":")
    assert file == str(folder / "recording.yaml")
    assert int(number.split(":")[0].split(" ")[0]) == line


def test_no_scrape_and_no_instant(folder: Path):
    write(folder, f"{HEAD}replicas: [{{pod: b}}]\n")
    with pytest.raises(BadRecording, match="no scrape, and no `at`"):
        load(folder)
    write(folder, f"{HEAD}replicas: [{{pod: b}}]\nat: 1000\n")
    assert load(folder).snapshot().at == 1000.0


@pytest.mark.parametrize(
    ("name", "content", "what", "line"),
    [
        ("1020.prom.gz", gzip.compress(PAGE.encode() * 50)[:40], "truncated gzip", None),
        ("1020.prom.gz", b"", "truncated gzip", None),
        ("1020.prom.gz", b"not gzip at all", "not a gzip file", None),
        ("1020.prom", PAGE.encode()[:-5], "not a sample", 2),
        ("1020.prom", (PAGE + PAGE.splitlines()[0]).encode() + b"\n", "duplicate series", 3),
        ("1020.prom", b"<html></html>\n", "HTML", 1),
        ("1020.prom", b"\xff\xfe\n", "cannot be read", None),
        ("noon.prom", PAGE.encode(), "'noon' is not an instant", None),
        ("1766370000000.prom", PAGE.encode(), "milliseconds", None),
        ("1020.txt", PAGE.encode(), "not a recorded scrape", None),
        ("1010.prom", PAGE.encode(), "two scrapes at 1010", None),
    ],
)
def test_a_bad_scrape_names_the_file(folder: Path, name: str, content: bytes, what: str, line: int | None):
    file = folder / "scrapes" / "a" / name
    file.write_bytes(content)
    with pytest.raises(BadRecording, match=what) as error:
        load(folder)
    where = str(file if line is None else f"{file}:{line}")
    assert error.value.where == (str(file.parent) if name == "1010.prom" else where)


def test_a_page_without_an_end_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("scalewarden.sources.scrape_files.LARGEST_PAGE", 1 << 20)
    bomb = folder / "scrapes" / "a" / "1020.prom.gz"
    bomb.write_bytes(gzip.compress(b"#" * (2 << 20)))
    with pytest.raises(BadRecording, match="larger than 1 MiB"):
        load(folder)


def test_an_unreadable_file(folder: Path):
    (folder / "scrapes" / "a" / "1020.prom").mkdir()
    with pytest.raises(BadRecording, match="cannot be read: is a directory"):
        load(folder)


def test_no_folder_and_no_file(tmp_path: Path):
    with pytest.raises(BadRecording, match="no such folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(BadRecording, match="no such file") as error:
        load(tmp_path)
    assert error.value.where.endswith("recording.yaml")
    assert "scrapes/" in error.value.hint


def test_hidden_files_are_not_scrapes(folder: Path):
    (folder / "scrapes" / "a" / ".DS_Store").write_bytes(b"\0")
    assert load(folder).at == 1010.0


def test_a_saved_page_without_a_final_line_end_is_read(folder: Path):
    file = folder / "scrapes" / "a" / "1020.prom"
    file.write_text('vllm:kv_cache_usage_perc{engine="0"} 0.5')
    assert load(folder).scrapes
