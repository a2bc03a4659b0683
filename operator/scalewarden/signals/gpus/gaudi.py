"""Intel's metric exporter for Gaudi, from its documentation; its labels from the source of its Go rewrite.

Other releases may spell the labels otherwise, so several spellings are accepted; none was seen on a live page.
"""

from scalewarden.model.signal import Absent, SignalName
from scalewarden.signals.gpus.table import ExporterTable, Field, Row, Who

_USED, _ALWAYS = "habanalabs_memory_used_bytes", "upgrade the exporter: it writes it without being asked"

ROWS = (
    Row(SignalName.KERNEL_UTILIZATION, (Field(("habanalabs_utilization",), scale=0.01),), switch=_ALWAYS, whole=True),
    Row(SignalName.FB_USED, (
        Field((_USED,), over=("habanalabs_memory_total_bytes",)),
        Field((_USED,), over=(_USED, "habanalabs_memory_free_bytes")),
    ), switch=_ALWAYS),
    Row(SignalName.PCIE_BPS, (
        Field(("habanalabs_pcie_transmit_throughput", "habanalabs_pcie_receive_throughput"),
              about="bytes/s cut to 32 bits, unverified"),
    ), switch=_ALWAYS),
)  # fmt: skip

TABLE = ExporterTable(
    kind="gaudi",
    title="Intel Gaudi metric-exporter",
    who=Who(
        uuid=("UUID", "uuid", "Serial", "serial", "device"),
        pod=(("pod_namespace", "pod_name"), ("exported_namespace", "exported_pod"), ("namespace", "pod")),
    ),
    rows=ROWS,
    sliced=Absent("measured of a whole device only"),
    nameless="mount the kubelet's pod-resources folder into the exporter, so that it names the pods",
    port=41611,
)
