"""dcgm-exporter: both spellings, MIG slices, blank values, and who holds which device."""

from collections.abc import Iterable

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Gpu
from scalewarden.signals.gpus.dcgm import is_blank
from scalewarden.signals.gpus.devices import NO_EXPORTER, Reader, pod_signals
from scalewarden.signals.gpus.pages import Holder, exported
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape
from tests.unit.signals.pages import NOW, cause, every, scrape, value

POD = Holder("serving", "llama-0")
WHOLE = 'UUID="GPU-a",modelName="H100",namespace="serving",pod="llama-0"'
SLICE = 'UUID="GPU-b",GPU_I_PROFILE="1g.10gb",GPU_I_ID="9",modelName="H100",namespace="serving",pod="llama-0"'
BUSY, KERNEL = "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_DEV_GPU_UTIL"


def reader(*exporters: Iterable[Scrape]) -> Reader:
    pages = [Pages.of(one, NOW, 600) for one in exporters]
    return Reader(exported(pages), NOW, Thresholds())


def gpu(*lines: str, listed: tuple[Gpu, ...] = (), mig: bool = False) -> Gpu:
    """The one device of the pod on a page."""
    (found,) = reader([scrape(0, *lines)]).gpus(POD, listed, mig=mig)
    return found


OLD = ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
       "DCGM_FI_PROF_DRAM_ACTIVE")  # fmt: skip
NEW = ("DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", "DCGM_FI_PROF_SM_UTIL_RATIO", "DCGM_FI_PROF_TENSOR_UTIL_RATIO",
       "DCGM_FI_PROF_DRAM_UTIL_RATIO")  # fmt: skip
SHARES = (SignalName.ENGINE_ACTIVE, SignalName.SM_ACTIVE, SignalName.TENSOR_ACTIVE, SignalName.DRAM_ACTIVE)


@pytest.mark.parametrize("names", [OLD, NEW], ids=["up to 4.8", "4.9 on"])
def test_profiling_shares_under_both_spellings(names: tuple[str, ...]):
    found = gpu(*(f"{name}{{{WHOLE}}} 0.{index + 1}" for index, name in enumerate(names)))
    assert [value(found.signal(name)) for name in SHARES] == [0.1, 0.2, 0.3, 0.4]
    assert (found.uuid, found.model, found.mig_profile) == ("GPU-a", "H100", None)


@pytest.mark.parametrize(
    ("lines", "share"),
    [
        ([f"DCGM_FI_DEV_GPU_UTIL{{{WHOLE}}} 87"], 0.87),
        ([f"DCGM_FI_DEV_GPU_UTIL{{{WHOLE}}} 1"], 0.01),
        ([f'DCGM_FI_DEV_GPU_UTIL_RATIO{{{WHOLE},DCGM_FI_SYSTEM_DRIVER_VERSION="600"}} 0.87'], 0.87),
        ([f"DCGM_FI_DEV_GPU_UTIL_RATIO{{{WHOLE}}} 87"], 0.87),  # DCGM 4.6: the new name, still percent
    ],
)
def test_kernel_utilization_is_a_fraction_whatever_the_release(lines: list[str], share: float):
    found = gpu(*lines)
    assert value(found.signal(SignalName.KERNEL_UTILIZATION)) == pytest.approx(share)
    assert found.reports_kernel_utilization


def test_a_scale_that_nothing_tells_is_not_guessed():
    found = gpu(f"DCGM_FI_DEV_GPU_UTIL_RATIO{{{WHOLE}}} 1")
    assert "the page does not say which" in cause(found.signal(SignalName.KERNEL_UTILIZATION))
    assert found.reports_kernel_utilization


@pytest.mark.parametrize(
    ("lines", "share"),
    [
        (["DCGM_FI_DEV_FB_USED 900", "DCGM_FI_DEV_FB_FREE 100"], 0.9),
        (["DCGM_FI_DEV_FB_USED 900", "DCGM_FI_DEV_FB_FREE 50", "DCGM_FI_DEV_FB_RESERVED 50"], 0.9),
        (["DCGM_FI_DEV_FB_USED_BYTES 9e10", "DCGM_FI_DEV_FB_FREE_BYTES 1e10"], 0.9),
    ],
)
def test_the_framebuffer_is_a_share_in_any_unit(lines: list[str], share: float):
    found = gpu(*(line.replace(" ", f"{{{WHOLE}}} ") for line in lines))
    assert value(found.signal(SignalName.FB_USED)) == pytest.approx(share)


def test_a_framebuffer_without_its_free_part_is_absent():
    assert isinstance(gpu(f"DCGM_FI_DEV_FB_USED{{{WHOLE}}} 900").signal(SignalName.FB_USED), Absent)


@pytest.mark.parametrize(
    "blank", ["2147483632", "2147483633", "9223372036854775794", "9.223372036854776e+18", "140737488355328", "NaN"]
)
def test_blank_values_are_absent_never_a_number(blank: str):
    assert is_blank(float(blank))
    found = gpu(f"{BUSY}{{{WHOLE}}} {blank}", f"{KERNEL}{{{WHOLE}}} {blank}")
    for name in (SignalName.ENGINE_ACTIVE, SignalName.KERNEL_UTILIZATION):
        assert cause(found.signal(name)).startswith("dcgm-exporter does not report it, or no usable value: ")
    assert not found.reports_kernel_utilization


@pytest.mark.parametrize("written", ["93", "1.5", "-0.1"])
def test_a_share_outside_its_range_is_no_number(written: str):
    assert isinstance(gpu(f"{BUSY}{{{WHOLE}}} {written}").signal(SignalName.ENGINE_ACTIVE), Absent)


def test_kernel_utilization_under_mig_is_absent_even_where_it_reads_zero():
    found = gpu(f"{KERNEL}{{{SLICE}}} 0", f"{BUSY}{{{SLICE}}} 0.96")
    assert cause(found.signal(SignalName.KERNEL_UTILIZATION)) == "not measured under MIG"
    assert found.reports_kernel_utilization
    assert (found.mig_profile, found.gpu_instance) == ("1g.10gb", "9")
    assert value(pod_signals((found,))[SignalName.GPU_BUSY]) == 0.96


def test_a_whole_gpu_row_of_a_sliced_gpu_is_under_mig_too():
    parent = f'{KERNEL}{{UUID="GPU-b",modelName="H100"}} 0'
    found = gpu(parent, f"{BUSY}{{{SLICE}}} 0.5")
    assert found.reports_kernel_utilization
    listed = gpu(parent, f"{BUSY}{{{SLICE}}} 0.5", listed=(Gpu("GPU-b"),))
    assert cause(listed.signal(SignalName.KERNEL_UTILIZATION)) == "not measured under MIG"


def test_a_pod_that_asks_for_slices_is_under_mig_without_a_label():
    assert cause(gpu(f"{KERNEL}{{{WHOLE}}} 40", mig=True).signal(SignalName.KERNEL_UTILIZATION)).endswith("MIG")


def test_slices_of_one_gpu_are_two_devices():
    other = SLICE.replace('"9"', '"2"').replace("llama-0", "other")
    found = gpu(f"{BUSY}{{{SLICE}}} 0.96", f"{BUSY}{{{other}}} 0.01")
    assert value(found.signal(SignalName.ENGINE_ACTIVE)) == 0.96


def test_the_workload_is_in_exported_pod_where_pod_is_the_exporter():
    labels = 'UUID="GPU-a",namespace="gpu-operator",pod="dcgm-x",exported_namespace="serving",exported_pod="llama-0"'
    assert value(gpu(f"{BUSY}{{{labels}}} 0.5").signal(SignalName.ENGINE_ACTIVE)) == 0.5
    exporters_own = reader([scrape(0, f"{BUSY}{{{labels}}} 0.5")]).gpus(Holder("gpu-operator", "dcgm-x"))
    assert exporters_own == ()


def test_a_pod_of_the_same_name_elsewhere_is_another():
    page = [scrape(0, f"{BUSY}{{{WHOLE}}} 0.5")]
    assert reader(page).gpus(Holder("other", "llama-0")) == ()


def test_a_listed_device_needs_no_pod_label():
    found = gpu(f'{BUSY}{{UUID="GPU-a",pod=""}} 0.5', listed=(Gpu("GPU-a"),))
    assert value(found.signal(SignalName.ENGINE_ACTIVE)) == 0.5


def test_a_listed_device_that_nobody_reports():
    found = gpu(f"{BUSY}{{{WHOLE}}} 0.5", listed=(Gpu("GPU-z"),))
    assert cause(found.signal(SignalName.ENGINE_ACTIVE)) == "no GPU exporter reports this device"


def test_what_a_device_did_before_the_pod_came_is_not_the_pods():
    idle = f'{BUSY}{{UUID="GPU-a",pod=""}} 0'
    other = f"{BUSY}{{{WHOLE.replace('llama-0', 'other')}}} 0.1"
    mine = f"{BUSY}{{{WHOLE}}} 0.9"
    (found,) = reader(every(15, [[other], [idle], [mine], [mine]])).gpus(POD)
    assert value(found.signal(SignalName.ENGINE_ACTIVE)) == 0.9


def test_rows_by_process_beside_the_devices_own_count_once():
    found = gpu(f"{KERNEL}{{{WHOLE}}} 80", f'{KERNEL}{{{WHOLE},pid="7"}} 30')
    assert value(found.signal(SignalName.KERNEL_UTILIZATION)) == 0.8


def test_activity_is_the_mean_of_the_window_and_carries_it():
    pages = every(15, ([f"{BUSY}{{{WHOLE}}} {share}"] for share in (0.2, 0.4, 0.9)))
    (found,) = reader(pages).gpus(POD)
    signal = found.signal(SignalName.ENGINE_ACTIVE)
    assert isinstance(signal, Reading)
    assert signal.value == pytest.approx(0.5)
    assert [point.value for point in signal.series] == [0.2, 0.4, 0.9]


def test_a_pods_numbers_are_means_over_its_gpus():
    second = WHOLE.replace("GPU-a", "GPU-c")
    pages = every(15, [[f"{BUSY}{{{WHOLE}}} 0.2", f"{BUSY}{{{second}}} 0.6"]] * 2)
    found = pod_signals(reader(pages).gpus(POD))[SignalName.GPU_BUSY]
    assert isinstance(found, Reading)
    assert found.value == pytest.approx(0.4)
    assert [point.value for point in found.series] == [pytest.approx(0.4)] * 2


def test_a_mean_without_one_gpu_is_no_mean():
    second = WHOLE.replace("GPU-a", "GPU-c")
    pages = [scrape(0, f"{BUSY}{{{WHOLE}}} 0.2", f"{KERNEL}{{{second}}} 60")]
    found = pod_signals(reader(pages).gpus(POD))
    assert isinstance(found[SignalName.ENGINE_ACTIVE], Absent)
    assert value(found[SignalName.GPU_BUSY]) == pytest.approx(0.4)  # kernel utilization stands in for the second


def test_old_values_are_absent():
    (found,) = reader([scrape(-300, f"{BUSY}{{{WHOLE}}} 0.2")]).gpus(POD)
    assert cause(found.signal(SignalName.ENGINE_ACTIVE)).startswith("stale")


def test_no_gpu_says_why():
    assert pod_signals(())[SignalName.GPU_BUSY] is NO_EXPORTER


@pytest.mark.parametrize("huge", ["1.7976931348623157e308", "-1e300"])
def test_a_number_beyond_measure_breaks_no_sum(huge: str):
    lines = (f"DCGM_FI_DEV_FB_USED{{{WHOLE}}} {huge}", f"DCGM_FI_DEV_FB_FREE{{{WHOLE}}} 1.7e308")
    assert isinstance(gpu(*lines).signal(SignalName.FB_USED), Absent)


def test_a_row_of_no_device_is_nobodys():
    nameless = f'{BUSY}{{gpu="0",namespace="serving",pod="llama-0"}} 0.9'
    found = gpu(f"{BUSY}{{{WHOLE}}} 0.2", nameless, 'DCGM_FI_PROF_PCIE_TX_BYTES{gpu="0"} 5')
    assert value(found.signal(SignalName.ENGINE_ACTIVE)) == 0.2


def test_a_spelling_that_only_another_pod_has_gives_way_to_the_next():
    """Two exporters of unlike releases on one node, of which the older one names our pod."""
    other = WHOLE.replace("llama-0", "other")
    page = scrape(0, f"{NEW[0]}{{{other}}} 0.9", f"{OLD[0]}{{{WHOLE}}} 0.2")
    (found,) = reader([page]).gpus(POD)
    assert value(found.signal(SignalName.ENGINE_ACTIVE)) == 0.2
