"""Traffic of the link that a GPU's peers are reached by: NVLink where there is any, else PCIe."""

from collections.abc import Mapping

from scalewarden.model.signal import Absent, Reading, Signal, SignalName


def link(signals: Mapping[SignalName, Signal]) -> Signal:
    """LINK_BPS (bytes/s) out of NVLINK_BPS and PCIE_BPS: an NVLink that stands still is no link in use."""
    nvlink, pcie = signals[SignalName.NVLINK_BPS], signals[SignalName.PCIE_BPS]
    if isinstance(nvlink, Reading) and nvlink.value > 0:
        return nvlink
    if isinstance(pcie, Reading):
        return pcie
    return nvlink if isinstance(nvlink, Reading) else Absent("neither NVLink nor PCIe traffic is reported")
