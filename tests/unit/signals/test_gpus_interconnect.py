"""Which link joins the GPUs of a replica: declared, by traffic, by name; a slice or a single GPU has none."""

import pytest

from scalewarden.model.signal import Point, Reading, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.topology import Interconnect, Link
from scalewarden.model.workload import Gpu, Workload
from scalewarden.signals.gpus import nodes
from scalewarden.signals.gpus.interconnect import interconnect

AT = 1_766_370_000.0
TP4 = Workload(tensor_parallel_size=4, gpus_per_replica=4)
SXM, L40S = "NVIDIA H100 80GB HBM3", "NVIDIA L40S"


def traffic(source: str, *values: float) -> Reading:
    points = tuple(Point(AT - 15 * (len(values) - 1 - n), value) for n, value in enumerate(values))
    return Reading(sum(values) / len(values), Unit.BYTES_PER_SECOND, AT, source, series=points)


def gpus(model: str | None = None, nvlink: tuple[float, ...] = (), pcie: tuple[float, ...] = ()) -> list[Gpu]:
    signals = {SignalName.NVLINK_BPS: traffic("nvl", *nvlink)} if nvlink else {}
    signals |= {SignalName.PCIE_BPS: traffic("pci", *pcie)} if pcie else {}
    return [Gpu(f"GPU-{n}", model=model, signals=signals) for n in range(4)]


def found(*replicas: list[Gpu], workload: Workload = TP4, labels: tuple[dict[str, str], ...] = ()) -> Interconnect:
    return interconnect(None, workload, replicas, Thresholds(), labels)


@pytest.mark.parametrize(
    ("devices", "kind", "evidence"),
    [
        (gpus(nvlink=(0, 5e9, 0)), Link.NVLINK, "traffic of nvl"),  # it shows under load only
        (gpus(L40S, nvlink=(2e9,)), Link.NVLINK, "traffic of nvl"),  # cards with a bridge
        (gpus(nvlink=(0,), pcie=(9e9,)), Link.PCIE, "traffic of pci, while NVLink stands still"),
        (gpus(SXM, nvlink=(0,), pcie=(9e9,)), Link.PCIE, "traffic of pci, while NVLink stands still"),
        (gpus(pcie=(9e9,)), Link.PCIE, "traffic of pci, while NVLink is not reported"),
        (gpus(SXM, pcie=(9e9,)), Link.NVLINK, f"product name {SXM}: on a board with such links"),
        (gpus(SXM, nvlink=(1e6,), pcie=(9e9,)), Link.NVLINK, "product name"),
        (gpus(SXM), Link.NVLINK, "product name"),
        (gpus(L40S), Link.PCIE, "low confidence, a bridge is possible"),
        (gpus("NVIDIA A100-PCIE-40GB"), Link.PCIE, "low confidence"),
        (gpus("NVIDIA H100 PCIe"), Link.PCIE, "low confidence"),
        (gpus("NVIDIA GeForce RTX 4090"), Link.PCIE, "low confidence"),
        (gpus("NVIDIA A100-SXM4-80GB"), Link.NVLINK, "product name"),
        (gpus("AMD Instinct MI300X OAM"), Link.NVLINK, "product name"),
        (gpus("Something else"), Link.UNKNOWN, "no traffic and no product name is known"),
        (gpus(pcie=(1e6,)), Link.UNKNOWN, "no traffic"),
    ],
)
def test_detected(devices: list[Gpu], kind: Link, evidence: str):
    result = found(devices)
    assert result.kind is kind
    assert evidence in result.evidence


def test_pcie_traffic_of_a_model_that_is_not_split_says_nothing():
    workload = Workload(tensor_parallel_size=1, gpus_per_replica=4)
    assert found(gpus(pcie=(9e9,)), workload=workload).kind is Link.UNKNOWN


def test_what_is_declared_wins():
    declared = interconnect(Link.PCIE, TP4, [gpus(SXM, nvlink=(5e9,))], Thresholds())
    assert declared == Interconnect(Link.PCIE, "declared in spec.topology.interconnect")


@pytest.mark.parametrize(
    ("workload", "devices"),
    [
        (Workload(mig_profile="3g.40gb", gpus_per_replica=2, tensor_parallel_size=2), []),
        (TP4, [Gpu("GPU-a", "1g.10gb", "9", SXM), Gpu("GPU-a", "1g.10gb", "10", SXM)]),
        (TP4, [Gpu("GPU-a", gpu_instance="9"), Gpu("GPU-b", gpu_instance="9")]),
    ],
)
def test_mig_slices_have_none(workload: Workload, devices: list[Gpu]):
    result = found(devices, workload=workload)
    assert result.kind is Link.NONE
    assert "MIG" in result.evidence


def test_partitions_of_an_amd_gpu_keep_their_links():
    devices = [Gpu("s", gpu_instance=str(n), model="AMD Instinct MI300X OAM") for n in range(4)]
    assert found(devices).kind is Link.NVLINK


def test_one_gpu_needs_no_link():
    assert found([Gpu("GPU-a", model=SXM)], workload=Workload()).kind is Link.NONE
    assert found(workload=Workload(gpus_per_replica=1)).kind is Link.NONE
    assert found([Gpu("GPU-a", model=SXM)]).kind is Link.NVLINK  # the pod template asks for four


def test_a_node_label_speaks_where_no_exporter_does():
    result = found([], labels=({nodes.PRODUCT: "NVIDIA-H100-80GB-HBM3"},))
    assert result.kind is Link.NVLINK
    assert result.evidence.startswith("label nvidia.com/gpu.product NVIDIA-H100-80GB-HBM3")


def test_a_node_whose_gpus_are_cut_leaves_no_link():
    assert found([], labels=({nodes.PRODUCT: "NVIDIA-H100-80GB-HBM3-MIG-3g.40gb"},)).kind is Link.NONE


def test_the_line_can_be_moved():
    limits = Thresholds({"linkBusy": 1e10})
    assert interconnect(None, TP4, [gpus(nvlink=(5e9,))], limits).kind is Link.UNKNOWN
