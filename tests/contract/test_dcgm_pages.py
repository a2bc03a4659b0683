"""Pages as dcgm-exporter writes them: a real MIG dump, and the fleet's in every style."""

from pathlib import Path

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.topology import SliceShare
from scalewarden.model.workload import Gpu
from scalewarden.signals.exposition import parse
from scalewarden.signals.gpus.devices import Reader, pod_signals
from scalewarden.signals.gpus.pages import Holder, exported
from scalewarden.signals.names import WANTED
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape
from tools.fleet import DcgmStyle
from tools.fleet.dcgm import Slot, dcgm_page
from tools.fleet.hardware import H100, H100_3G_40GB
from tools.fleet.model import Activity

AT = 1_766_370_000.0
DUMP = Path(__file__).parents[3] / "shared" / "data" / "metrics" / "dcgm_a100_mig_active_1g5gb.txt"
POD = Holder("serving", "chat-0")
BUSY = Activity(busy=1.0, gpu=0.5, dram=0.25, tensor=0.125, link_bytes=2e9, tokens=100.0)
STYLES = (
    DcgmStyle(spelling="4.8", workload_labels="pod"),
    DcgmStyle(spelling="4.8", workload_labels="exported_pod"),
    DcgmStyle(spelling="4.9", workload_labels="pod"),
    DcgmStyle(spelling="4.9", workload_labels="exported_pod"),
)


def gpus(text: str, listed: tuple[Gpu, ...] = ()) -> tuple[Gpu, ...]:
    pages = Pages((Scrape(AT, tuple(parse(text, WANTED))),))
    return Reader(exported([pages]), AT, Thresholds()).gpus(POD, listed)


def number(gpu: Gpu, name: SignalName) -> float:
    signal = gpu.signal(name)
    assert isinstance(signal, Reading), (name, signal)
    return signal.value


def test_a_busy_slice_of_an_a100():
    """The dump has a title and no last line end: a person saved it, so both are set right before it is read."""
    if not DUMP.exists():
        pytest.skip(f"NOT RUN: the MIG dump is not at {DUMP}")
    text = "\n".join(DUMP.read_text().splitlines()[1:]) + "\n"
    (found,) = gpus(text, (Gpu("GPU-7099682b-a20d-2bcc-74ab-b9060454d81e", gpu_instance="9"),))
    assert (found.mig_profile, found.model) == ("1g.5gb", "NVIDIA A100-SXM4-40GB")
    assert number(found, SignalName.ENGINE_ACTIVE) == 0.999892
    assert number(found, SignalName.DRAM_ACTIVE) == 0.622646
    assert number(found, SignalName.TENSOR_ACTIVE) == 0.000118
    assert number(found, SignalName.FB_USED) == pytest.approx(4384 / (4384 + 480))
    assert found.signal(SignalName.KERNEL_UTILIZATION) == Absent("not measured under MIG")
    assert not found.reports_kernel_utilization
    assert found.share == SliceShare(14 / 98, 1 / 8, "A100 40 GB: by the profile")
    assert pod_signals((found,))[SignalName.GPU_BUSY] == found.signal(SignalName.ENGINE_ACTIVE)


def slot(style: DcgmStyle, mig: bool) -> Slot:
    gpu, profile = (H100_3G_40GB, "3g.40gb") if mig else (H100, "")
    return Slot(
        0, gpu=gpu, mig_profile=profile, instance=2, namespace="serving", pod="chat-0", used_share=0.92,
        activity=BUSY, style=style,
    )  # fmt: skip


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("mig", [False, True], ids=["whole", "slice"])
def test_one_gpu_reads_the_same_in_every_style(style: DcgmStyle, mig: bool):
    idle = Slot(1, namespace="serving", pod="other", style=style)
    (found,) = gpus(dcgm_page("gpu-1", "dcgm-x", [slot(style, mig), idle]))
    assert (found.mig_profile, found.gpu_instance) == (("3g.40gb", "2") if mig else (None, None))
    assert number(found, SignalName.ENGINE_ACTIVE) == 0.5
    assert number(found, SignalName.DRAM_ACTIVE) == 0.25
    assert number(found, SignalName.TENSOR_ACTIVE) == 0.125
    assert number(found, SignalName.FB_USED) == pytest.approx(0.92, abs=1e-4)
    if mig:
        assert found.signal(SignalName.KERNEL_UTILIZATION) == Absent("not measured under MIG")
    else:
        assert number(found, SignalName.KERNEL_UTILIZATION) == 0.5
