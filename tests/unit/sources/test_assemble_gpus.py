"""GPUs in a snapshot: whose page tells of whom, tokens/s by GPU, and the link between the GPUs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot, from_json, to_json
from scalewarden.model.topology import Interconnect, Link
from scalewarden.model.workload import Gpu, Replica
from scalewarden.signals.exposition import parse
from scalewarden.signals.gpus.table import KINDS
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Scrape
from scalewarden.sources.assemble import Facts, assemble
from scalewarden.sources.recording import load

AT = 1_766_370_000.0


def scrape(at: float, *lines: str) -> Scrape:
    return Scrape(AT + at, tuple(parse("\n".join(lines) + "\n", WANTED)))


def engine(*lines: str) -> list[Scrape]:
    """Two pages of a vLLM pod that makes 80 tokens/s, with more lines on both."""
    made = ((-30, 0), (0, 2400))
    return [scrape(at, f'vllm:generation_tokens_total{{engine="0"}} {tokens}', *lines) for at, tokens in made]


def target(**limits: Any) -> dict[str, Any]:
    container = {"name": "e", "args": ["vllm serve m", "-tp", "2"], "resources": {"limits": limits}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "llama"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def snapshot(pages: Sequence[Scrape] | Absent, *, spec: Any = None, replica: Any = None, **facts: Any) -> Snapshot:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    declared = {"metadata": {"name": "llama", "namespace": "serving"}, "spec": {"targetRef": reference, **(spec or {})}}
    known = {"target": None, "replicas": [replica or Replica("llama-0")], "scrapes": {("serving", "llama-0"): pages}}
    return assemble(InferenceDeployment.parse(declared), Facts(**{**known, **facts}), at=AT)


def value(signal: Signal) -> float:
    assert isinstance(signal, Reading), signal
    return signal.value


TRITON = ('nv_gpu_utilization{gpu_uuid="GPU-a"} 0.5', 'nv_gpu_utilization{gpu_uuid="GPU-b"} 0.7')


def test_tritons_series_on_the_engines_page_are_of_its_pod():
    other = engine()
    pods = [Replica("llama-0"), Replica("llama-1")]
    pages = {("serving", "llama-0"): engine(*TRITON), ("serving", "llama-1"): other}
    first, second = snapshot((), replicas=pods, scrapes=pages).replicas
    assert [gpu.uuid for gpu in first.gpus] == ["GPU-a", "GPU-b"]
    assert value(first.signal(SignalName.GPU_BUSY)) == pytest.approx(0.6)
    assert second.gpus == ()


SIDECAR = 'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-a",modelName="NVIDIA L4"} 40'


def test_an_exporter_beside_the_engine_on_its_page_or_on_one_of_its_own():
    beside = snapshot(engine(SIDECAR)).replicas[0]
    own = snapshot(engine(), exporters={"serving/llama-0": [scrape(0, SIDECAR)]}).replicas[0]
    recorded = snapshot(engine(), exporters={"llama-0": [scrape(0, SIDECAR)]}).replicas[0]
    for replica in (beside, own, recorded):
        assert [gpu.model for gpu in replica.gpus] == ["NVIDIA L4"]
        assert value(replica.signal(SignalName.GPU_BUSY)) == pytest.approx(0.4)


def test_an_exporter_on_the_node_that_names_no_pod_is_nobodys():
    found = snapshot(engine(), exporters={"dcgm-gpu-1": [scrape(0, SIDECAR)]}).replicas[0]
    assert found.gpus == ()
    busy = found.signal(SignalName.GPU_BUSY)
    assert isinstance(busy, Absent)
    assert busy.cause.startswith("dcgm-exporter names no pod: start it with DCGM_EXPORTER_KUBERNETES=true")


def test_tokens_by_gpu_of_devices_that_exporters_name():
    labels = 'UUID="GPU-{}",GPU_I_ID="9",GPU_I_PROFILE="3g.40gb",modelName="NVIDIA H100 80GB HBM3",pod="llama-0"'
    rows = [f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{labels.format(one)}}} 0.9" for one in "ab"]
    found = snapshot(engine(), exporters={"dcgm": [scrape(0, *rows)]})
    for signals in (found.replicas[0].signals, found.signals):
        assert value(signals[SignalName.GEN_TPS_PER_GPU]) == pytest.approx(40.0)
        assert value(signals[SignalName.GEN_TPS_PER_FULL_GPU]) == pytest.approx(80.0)
    assert [gpu.share and gpu.share.memory for gpu in found.replicas[0].gpus] == [0.5, 0.5]


def test_tokens_by_gpu_of_the_count_in_the_pod_template():
    found = snapshot(engine(), target=target(**{"nvidia.com/gpu": 4})).replicas[0]
    assert value(found.signal(SignalName.GEN_TPS_PER_GPU)) == pytest.approx(20.0)
    assert isinstance(found.signal(SignalName.GEN_TPS_PER_FULL_GPU), Absent)


def test_slices_that_the_pod_template_names_have_a_size_without_any_exporter():
    found = snapshot(engine(), target=target(**{"nvidia.com/mig-1g.20gb": 2})).replicas[0]
    assert value(found.signal(SignalName.GEN_TPS_PER_FULL_GPU)) == pytest.approx(80 / 0.5)


def test_a_listed_gpu_takes_the_profile_that_the_pod_template_names():
    listed = Replica("llama-0", gpus=(Gpu("GPU-a", model="NVIDIA H100 80GB HBM3"),))
    (gpu,) = snapshot(engine(), replica=listed, target=target(**{"nvidia.com/mig-1g.10gb": 1})).replicas[0].gpus
    assert (gpu.mig_profile, gpu.share and gpu.share.memory) == ("1g.10gb", 0.125)


NODE = {"gpu-1": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb"}}


def test_a_plain_gpu_of_a_cut_node_is_a_slice():
    listed = Replica("llama-0", node="gpu-1", gpus=(Gpu("GPU-a", model="NVIDIA H100 80GB HBM3"),))
    found = snapshot(engine(), replica=listed, nodes=NODE)
    (gpu,) = found.replicas[0].gpus
    assert (gpu.mig_profile, gpu.share and gpu.share.memory) == ("1g.10gb", 0.125)
    assert value(found.replicas[0].signal(SignalName.GEN_TPS_PER_FULL_GPU)) == pytest.approx(640.0)
    assert found.interconnect.kind is Link.NONE


def test_whole_gpus_that_are_declared_are_whole_whatever_the_node_says():
    listed = Replica("llama-0", node="gpu-1", gpus=(Gpu("GPU-a"),))
    found = snapshot(engine(), replica=listed, nodes=NODE, spec={"topology": {"migProfile": "None"}})
    assert found.replicas[0].gpus[0].mig_profile is None


def test_the_product_label_names_the_link_where_no_exporter_does():
    nodes = {"gpu-1": {"nvidia.com/gpu.product": "NVIDIA-L40S"}}
    pods = [Replica("llama-0", node="gpu-1")]
    found = snapshot(engine(), replicas=pods, nodes=nodes, target=target(**{"nvidia.com/gpu": 2}))
    assert found.interconnect.kind is Link.PCIE


def test_the_interconnect_stands_in_the_snapshot_and_survives_json():
    listed = Replica("llama-0", gpus=(Gpu("a", model="NVIDIA L40S"), Gpu("b", model="NVIDIA L40S")))
    found = snapshot(engine(), replica=listed, target=target(**{"nvidia.com/gpu": 2}))
    assert found.interconnect.kind is Link.PCIE
    assert from_json(to_json(found)) == found
    assert snapshot(engine()).interconnect.kind is Link.UNKNOWN


@pytest.mark.parametrize("declared", ["NVLink", "PCIe"])
def test_a_declared_interconnect_is_believed(declared: str):
    found = snapshot(engine(), spec={"topology": {"interconnect": declared}}).interconnect
    assert found == Interconnect(Link(declared), "declared in spec.topology.interconnect")


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_may_name_every_kind_of_exporter(tmp_path: Path, kind: str):
    (tmp_path / "recording.yaml").write_text(
        "inferenceDeployment: {spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: llama}}}\n"
        "replicas: [{pod: llama-0, gpus: [{uuid: GPU-a}]}]\n"
        f"exporters: [{{source: node-1, kind: {kind}}}]\nat: 1000\n"
    )
    (tmp_path / "scrapes" / "node-1").mkdir(parents=True)
    (tmp_path / "scrapes" / "node-1" / "1000.prom").write_text('nvidia_smi_utilization_gpu_ratio{uuid="a"} 0.25\n')
    (gpu,) = load(tmp_path).snapshot().replicas[0].gpus
    assert value(gpu.signal(SignalName.KERNEL_UTILIZATION)) == 0.25  # series tell whose they are, not the kind
