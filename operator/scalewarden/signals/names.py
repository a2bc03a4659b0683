"""Every series name that is read anywhere: sources keep these and drop the rest of a page.

CADVISOR stands apart: these rows are scraped at the kubelet, so they belong to no page of the pod itself.
"""

from scalewarden.signals import cpu, gateways
from scalewarden.signals.engines import TABLES, custom
from scalewarden.signals.gpus import NAMES as EXPORTER

ENGINE: frozenset[str] = frozenset(name for table in TABLES.values() for name in table.names) | custom.NAMES
GATEWAY: frozenset[str] = gateways.NAMES
CADVISOR: frozenset[str] = cpu.CADVISOR
WANTED: frozenset[str] = ENGINE | GATEWAY | EXPORTER
