"""The GPU exporters that are known, one module each, in the order in which their numbers are believed."""

from scalewarden.signals.gpus import amd, dcgm, gaudi, nvidia_smi, triton
from scalewarden.signals.gpus.table import ExporterTable

EXPORTERS: tuple[ExporterTable, ...] = (dcgm.TABLE, amd.TABLE, gaudi.TABLE, nvidia_smi.TABLE, triton.TABLE)

NAMES: frozenset[str] = frozenset(name for table in EXPORTERS for name in table.names)
"""Every series name of an exporter."""

OWN: frozenset[str] = triton.TABLE.names
"""Those that an engine writes of itself: they stand on its pod's own page."""
