"""Bytes per second over NVLink, xGMI and PCIe: rates that look like counters, counters, and what no link carries."""

from collections.abc import Iterable

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Gpu
from scalewarden.signals.gpus.devices import Reader, pod_signals
from scalewarden.signals.gpus.pages import Holder, exported
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape
from tests.unit.signals.pages import NOW, cause, every, scrape, value

POD = Holder("serving", "llama-0")
MINE = 'UUID="GPU-a",modelName="H100",namespace="serving",pod="llama-0"'
NVLINK = "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL"
TX, RX = "DCGM_FI_PROF_PCIE_TX_BYTES", "DCGM_FI_PROF_PCIE_RX_BYTES"


def gpus(scrapes: Iterable[Scrape]) -> tuple[Gpu, ...]:
    return Reader(exported([Pages.of(scrapes, NOW, 600)]), NOW, Thresholds()).gpus(POD)


def gpu(*lines: str) -> Gpu:
    (found,) = gpus([scrape(0, *lines)])
    return found


@pytest.mark.parametrize(
    ("lines", "bytes_per_second"),
    [
        ([f"{NVLINK}{{{MINE}}} 152340"], 152.34e9),
        ([f"{NVLINK}_total{{{MINE}}} 152340"], 152.34e9),
        ([f"DCGM_FI_DEV_NVLINK_THROUGHPUT_BYTES_PER_SECOND{{{MINE}}} 2e9"], 2e9),
        ([f"DCGM_FI_PROF_NVLINK_TX_BYTES{{{MINE}}} 1e9", f"DCGM_FI_PROF_NVLINK_RX_BYTES{{{MINE}}} 2e9"], 3e9),
        (['vertex_dcgm_fi_prof_nvlink_tx_bytes{gpu_uuid="GPU-a",replica_id="llama-0"} 1e9',
          'vertex_dcgm_fi_prof_nvlink_rx_bytes{gpu_uuid="GPU-a",replica_id="llama-0"} 1e9'], 2e9),
    ],
)  # fmt: skip
def test_nvlink_in_every_spelling(lines: list[str], bytes_per_second: float):
    found = gpu(*lines).signal(SignalName.NVLINK_BPS)
    assert isinstance(found, Reading)
    assert (found.value, found.unit) == (pytest.approx(bytes_per_second), Unit.BYTES_PER_SECOND)


def test_the_nvlink_counter_is_a_rate_already():
    """It rises and falls like one; a rate of it would be nonsense."""
    (found,) = gpus(every(15, ([f"{NVLINK}{{{MINE}}} {mb}"] for mb in (100_000, 120_000, 110_000))))
    signal = found.signal(SignalName.NVLINK_BPS)
    assert isinstance(signal, Reading)
    assert signal.value == pytest.approx(110e9)
    assert [point.value for point in signal.series] == [100e9, 120e9, 110e9]


def test_sent_without_received_is_no_traffic():
    assert isinstance(gpu(f"{TX}{{{MINE}}} 1e9").signal(SignalName.PCIE_BPS), Absent)


@pytest.mark.parametrize(("name", "written"), [(TX, "4e12"), (NVLINK, "9e12"), (TX, "-1")])
def test_what_no_link_carries_is_no_rate(name: str, written: str):
    found = gpu(f"{name}{{{MINE}}} {written}", f"{RX}{{{MINE}}} 0")
    for signal in (SignalName.NVLINK_BPS, SignalName.PCIE_BPS, SignalName.LINK_BPS):
        assert isinstance(found.signal(signal), Absent)


def pcie(*totals: float) -> Gpu:
    (found,) = gpus(every(15, ([f"{TX}{{{MINE}}} {one}", f"{RX}{{{MINE}}} 0"] for one in totals)))
    return found


def test_pcie_bytes_that_only_ever_rise_are_a_total_of_an_old_exporter():
    assert isinstance(pcie(1e9, 2e9, 3e9, 4e9).signal(SignalName.PCIE_BPS), Absent)
    assert value(pcie(1e9, 2e9, 3e9, 2e9).signal(SignalName.PCIE_BPS)) == pytest.approx(2e9)
    assert value(pcie(2e9, 2e9, 2e9, 2e9).signal(SignalName.PCIE_BPS)) == 2e9


AMD = 'serial_number="s",gpu_id="0",namespace="serving",pod="llama-0"'


def xgmi(*kib: tuple[float, float]) -> Gpu:
    """Pages 10 s apart with the totals of two links, received as much as sent."""
    pages = (
        [f'gpu_xgmi_link_{way}{{{AMD},link="{link}"}} {one}' for way in ("tx", "rx") for link, one in enumerate(two)]
        for two in kib
    )
    (found,) = gpus(every(10, pages))
    return found


def test_xgmi_totals_become_a_rate_over_all_links():
    assert value(xgmi((0, 0), (1e6, 2e6)).signal(SignalName.NVLINK_BPS)) == pytest.approx(2 * 3e6 * 1024 / 10)


def test_one_page_gives_no_rate_and_a_reset_none_either():
    assert cause(xgmi((5e6, 5e6)).signal(SignalName.NVLINK_BPS)).startswith("AMD device-metrics-exporter does not")
    found = xgmi((5e6, 5e6), (1e5, 5e6), (2e5, 5e6)).signal(SignalName.NVLINK_BPS)
    assert value(found) == pytest.approx(2 * 1e5 * 1024 / 10)


def test_a_total_that_names_no_gpu_is_nobodys():
    name, nobody = "gpu_xgmi_link", 'namespace="serving",pod="llama-0"'
    pages = (
        [
            f"{name}_{way}{{{labels}}} {kib}"
            for way in ("tx", "rx")
            for labels, kib in ((AMD, 1e6 * n), (nobody, 9e6 * n))
        ]
        for n in range(3)
    )
    (found,) = gpus(every(10, pages))
    assert value(found.signal(SignalName.NVLINK_BPS)) == pytest.approx(2 * 1e5 * 1024)


def test_the_link_is_nvlink_where_it_moves_else_pcie():
    both = [f"{TX}{{{MINE}}} 3e9", f"{RX}{{{MINE}}} 1e9"]
    assert value(gpu(f"{NVLINK}{{{MINE}}} 50", *both).signal(SignalName.LINK_BPS)) == 50e6
    assert value(gpu(f"{NVLINK}{{{MINE}}} 0", *both).signal(SignalName.LINK_BPS)) == 4e9
    assert value(gpu(*both).signal(SignalName.LINK_BPS)) == 4e9
    assert value(gpu(f"{NVLINK}{{{MINE}}} 0").signal(SignalName.LINK_BPS)) == 0
    assert cause(gpu(f"DCGM_FI_DEV_GPU_UTIL{{{MINE}}} 1").signal(SignalName.LINK_BPS)).startswith("neither")


def test_a_pods_traffic_is_the_sum_of_its_gpus():
    second = MINE.replace("GPU-a", "GPU-b")
    found = pod_signals(gpus(every(15, [[f"{NVLINK}{{{MINE}}} 100", f"{NVLINK}{{{second}}} 300"]] * 2)))
    link = found[SignalName.LINK_BPS]
    assert isinstance(link, Reading)
    assert (link.value, [point.value for point in link.series]) == (400e6, [400e6, 400e6])


def test_a_sum_without_one_gpu_is_no_sum():
    second = MINE.replace("GPU-a", "GPU-b")
    found = pod_signals(gpus([scrape(0, f"{NVLINK}{{{MINE}}} 100", f"DCGM_FI_DEV_GPU_UTIL{{{second}}} 1")]))
    assert isinstance(found[SignalName.NVLINK_BPS], Absent)
