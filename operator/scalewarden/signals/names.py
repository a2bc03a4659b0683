"""Every series name that is read anywhere: sources keep these and drop the rest of a page."""

from scalewarden.signals.engines import TABLES, custom
from scalewarden.signals.gpus import dcgm

ENGINE: frozenset[str] = frozenset(name for table in TABLES.values() for name in table.names) | custom.NAMES
WANTED: frozenset[str] = ENGINE | dcgm.NAMES
