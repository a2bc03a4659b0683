"""Invented pages of every GPU exporter, written after their documentation and sources; see gpu_pages/README.md."""

from pathlib import Path

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Gpu
from scalewarden.signals.exposition import parse
from scalewarden.signals.gpus.devices import Reader, pod_signals
from scalewarden.signals.gpus.pages import Holder, exported
from scalewarden.signals.names import WANTED
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape

AT = 1_766_370_000.0
PAGES = Path(__file__).parent / "gpu_pages"
POD = Holder("serving", "chat-0")


def read(name: str) -> Pages:
    return Pages((Scrape(AT, tuple(parse((PAGES / name).read_text(), WANTED))),))


def reader(name: str) -> Reader:
    return Reader(exported([read(name)]), AT, Thresholds())


def number(gpu: Gpu, name: SignalName) -> float:
    signal = gpu.signal(name)
    assert isinstance(signal, Reading), (name, signal)
    return signal.value


def why(gpu: Gpu, name: SignalName) -> str:
    signal = gpu.signal(name)
    assert isinstance(signal, Absent), (name, signal)
    return signal.cause


def test_dcgm_a_busy_slice_and_a_whole_gpu():
    found = reader("dcgm_4.8_mig_beside_whole.prom")
    (small,) = found.gpus(Holder("llm", "chat-mig-0"))
    assert (small.mig_profile, small.gpu_instance, small.model) == ("1g.10gb", "9", "NVIDIA H100 80GB HBM3")
    assert number(small, SignalName.ENGINE_ACTIVE) == 0.9612
    assert number(small, SignalName.DRAM_ACTIVE) == 0.6041
    assert number(small, SignalName.FB_USED) == pytest.approx(9180 / 9970)
    assert why(small, SignalName.KERNEL_UTILIZATION) == "not measured under MIG"
    assert small.share is not None
    assert (small.share.sm, small.share.memory) == (pytest.approx(16 / 132), 1 / 8)

    (whole,) = found.gpus(Holder("llm", "chat-tp4-0"))
    assert number(whole, SignalName.KERNEL_UTILIZATION) == 1.0
    link = whole.signal(SignalName.LINK_BPS)
    assert isinstance(link, Reading)
    assert (link.value, link.unit) == (pytest.approx(152.34e9), Unit.BYTES_PER_SECOND)
    assert link.source == "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL"
    assert why(whole, SignalName.SM_ACTIVE).startswith("dcgm-exporter does not report it, or no usable value: add DCGM")


def test_dcgm_shared_in_time_counts_the_gpu_once():
    (gpu,) = reader("dcgm_4.9_time_slicing.prom").gpus(POD)
    assert number(gpu, SignalName.KERNEL_UTILIZATION) == 0.8
    assert number(gpu, SignalName.FB_USED) == 0.75
    assert number(gpu, SignalName.SM_ACTIVE) == 1.0
    assert number(gpu, SignalName.NVLINK_BPS) == 0.0
    assert number(gpu, SignalName.PCIE_BPS) == number(gpu, SignalName.LINK_BPS) == 12e9


def test_amd_with_a_prefix():
    gpus = reader("amd_1.5_spx.prom").gpus(POD)
    assert [(gpu.uuid, gpu.gpu_instance, gpu.model) for gpu in gpus] == [
        ("692409005408", None, "AMD Instinct MI300X OAM"),
        ("692409005409", None, "AMD Instinct MI300X OAM"),
    ]
    assert number(gpus[0], SignalName.KERNEL_UTILIZATION) == pytest.approx(0.9)
    assert number(gpus[0], SignalName.DRAM_ACTIVE) == pytest.approx(0.64)
    assert number(gpus[0], SignalName.TENSOR_ACTIVE) == pytest.approx(0.125)
    assert number(gpus[0], SignalName.FB_USED) == pytest.approx(0.9, abs=1e-4)
    assert number(gpus[0], SignalName.PCIE_BPS) == 1e9  # 8,000 Mb/s
    assert "ProfilerMetrics" in why(gpus[0], SignalName.SM_ACTIVE)
    pod = pod_signals(gpus)
    busy, pcie = pod[SignalName.GPU_BUSY], pod[SignalName.PCIE_BPS]
    assert isinstance(busy, Reading) and isinstance(pcie, Reading)
    assert (busy.value, pcie.value) == (pytest.approx(0.7), 2e9)  # a mean of shares, a sum of bytes


def test_amd_partitions_know_their_memory_not_their_activity():
    found = reader("amd_1.5_cpx.prom")
    for partition in ("0", "1"):
        (gpu,) = found.gpus(Holder("serving", f"chat-{partition}"))
        assert (gpu.uuid, gpu.gpu_instance) == ("692409005408", partition)
        assert number(gpu, SignalName.FB_USED) == 0.5
        for name in (SignalName.KERNEL_UTILIZATION, SignalName.DRAM_ACTIVE):
            assert why(gpu, name) == "measured of a whole GPU only, not of a partition"
        assert gpu.share is None
        assert not gpu.reports_kernel_utilization


def test_gaudi():
    (gpu,) = reader("gaudi_1.23.prom").gpus(POD)
    assert gpu.uuid == "01P0-HL3000A0-14-N6X023-01-02-03"
    assert number(gpu, SignalName.KERNEL_UTILIZATION) == pytest.approx(0.57)
    assert number(gpu, SignalName.FB_USED) == 0.75
    assert number(gpu, SignalName.LINK_BPS) == 3e6
    assert gpu.signal(SignalName.SM_ACTIVE) == Absent("Intel Gaudi metric-exporter never exports it", for_good=True)


def test_nvidia_gpu_exporter_by_listed_uuid():
    found = reader("nvidia_smi_nvml.prom")
    whole, cut = "aaaaaaaa-0000-0000-0000-000000000001", "GPU-aaaaaaaa-0000-0000-0000-000000000002"
    card, slice_ = found.gpus(POD, (Gpu(whole), Gpu(cut, gpu_instance="2")))
    assert (card.uuid, card.model, card.mig_profile) == (whole, "NVIDIA GeForce RTX 4090", None)
    assert number(card, SignalName.KERNEL_UTILIZATION) == 0.42
    assert number(card, SignalName.FB_USED) == 0.75
    assert number(card, SignalName.PCIE_BPS) == 3e9
    assert slice_.mig_profile == "3g.40gb"
    assert number(slice_, SignalName.ENGINE_ACTIVE) == 0.95
    assert number(slice_, SignalName.SM_ACTIVE) == 0.5
    assert number(slice_, SignalName.FB_USED) == 0.75
    assert why(slice_, SignalName.KERNEL_UTILIZATION) == "not measured under MIG"


def test_nvidia_gpu_exporter_names_no_pod_and_says_what_to_use():
    found = reader("nvidia_smi_nvml.prom")
    assert found.gpus(POD) == ()
    assert found.no_gpu() == Absent(
        "nvidia_gpu_exporter names no pod: run dcgm-exporter, or list each replica's GPUs by uuid in the recording"
    )


def test_triton_tells_of_the_pod_that_serves_the_page():
    said = exported([], [(POD, read("triton_gpu.prom"))])
    gpus = Reader(said, AT, Thresholds()).gpus(POD)
    assert [number(gpu, SignalName.KERNEL_UTILIZATION) for gpu in gpus] == [0.73, 0.53]
    assert [number(gpu, SignalName.FB_USED) for gpu in gpus] == [0.75, 0.75]
    assert Reader(said, AT, Thresholds()).gpus(Holder("serving", "chat-1")) == ()


def test_an_exporter_without_pod_labels_beside_the_engine():
    """What names no pod on a pod's own page is that pod's."""
    rows = (one for one in (PAGES / "dcgm_4.9_time_slicing.prom").read_text().splitlines() if "chat-1" not in one)
    text = "\n".join(rows).replace('namespace="serving",pod="chat-0"', 'namespace="",pod=""') + "\n"
    pages = Pages((Scrape(AT, tuple(parse(text, WANTED))),))
    (gpu,) = Reader(exported([], [(POD, pages)]), AT, Thresholds()).gpus(POD)
    assert number(gpu, SignalName.FB_USED) == 0.75
    assert Reader(exported([pages]), AT, Thresholds()).no_gpu().cause.startswith("dcgm-exporter names no pod: start it")
