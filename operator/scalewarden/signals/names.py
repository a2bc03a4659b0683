"""Every series name that is read anywhere: sources keep these and drop the rest of a page.

CADVISOR stands apart: these rows are scraped at the kubelet, so they belong to no page of the pod itself.
"""

from scalewarden.signals import cpu, gateways
from scalewarden.signals.engines import TABLES, custom, recorded
from scalewarden.signals.gpus import NAMES as EXPORTER

ENGINE: frozenset[str] = frozenset(name for table in TABLES.values() for name in table.names) | custom.NAMES
GATEWAY: frozenset[str] = gateways.NAMES
CADVISOR: frozenset[str] = cpu.CADVISOR
WANTED: frozenset[str] = ENGINE | GATEWAY | EXPORTER

RECORDED: frozenset[str] = recorded.NAMES
"""What recording rules write (examples/prometheus); a page with such a series is read from them alone."""
BESIDE_RECORDED: frozenset[str] = frozenset(name for table in TABLES.values() for name in table.extra) | {
    series.name
    for table in TABLES.values()
    for row in table.rows
    if not recorded.recordable(table, row)
    for series in row.spellings
}
"""What no rule can record: numbers that stand in labels, batch limits, an engine's sleep. Asked for beside those."""
