"""NVIDIA's dcgm-exporter, before and after the rename of 4.9 (DCGM 4.7), whole GPUs and MIG slices."""

from collections.abc import Mapping
from dataclasses import dataclass

from scalewarden.model.signal import SignalName


@dataclass(frozen=True, slots=True)
class Field:
    """One spelling of a field: `scale` makes a fraction of its values. ambiguous: the same name was percent in DCGM
    4.6 and a ratio in 4.7, so the page must say which."""

    name: str
    scale: float = 1.0
    versions: str = ""
    ambiguous: bool = False


FRACTIONS: Mapping[SignalName, tuple[Field, ...]] = {
    SignalName.ENGINE_ACTIVE: (
        Field("DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", versions="4.9 on"),
        Field("DCGM_FI_PROF_GR_ENGINE_ACTIVE", versions="up to 4.8"),
    ),
    SignalName.KERNEL_UTILIZATION: (
        Field("DCGM_FI_DEV_GPU_UTIL_RATIO", versions="4.9 on", ambiguous=True),
        Field("DCGM_FI_DEV_GPU_UTIL", scale=0.01, versions="up to 4.8"),
    ),
    SignalName.SM_ACTIVE: (
        Field("DCGM_FI_PROF_SM_UTIL_RATIO", versions="4.9 on"),
        Field("DCGM_FI_PROF_SM_ACTIVE", versions="up to 4.8"),
    ),
    SignalName.TENSOR_ACTIVE: (
        Field("DCGM_FI_PROF_TENSOR_UTIL_RATIO", versions="4.9 on"),
        Field("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", versions="up to 4.8"),
    ),
    SignalName.DRAM_ACTIVE: (
        Field("DCGM_FI_PROF_DRAM_UTIL_RATIO", versions="4.9 on"),
        Field("DCGM_FI_PROF_DRAM_ACTIVE", versions="up to 4.8"),
    ),
}
"""Shares of time, by signal, newest spelling first."""


@dataclass(frozen=True, slots=True)
class Framebuffer:
    """The fields of one spelling whose ratio is the used share; the unit cancels out."""

    used: str
    free: str
    reserved: str
    versions: str


FRAMEBUFFER = (
    Framebuffer(
        "DCGM_FI_DEV_FB_USED_BYTES", "DCGM_FI_DEV_FB_FREE_BYTES", "DCGM_FI_DEV_FB_RESERVED_BYTES", "4.9 on, bytes"
    ),
    Framebuffer("DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_FB_RESERVED", "up to 4.8, MiB"),
)

NAMES: frozenset[str] = frozenset(
    [field.name for fields in FRACTIONS.values() for field in fields]
    + [name for one in FRAMEBUFFER for name in (one.used, one.free, one.reserved)]
)

_BLANK_INT32 = range(0x7FFFFFF0, 0x80000000)
_BLANK_FROM = 2.0**47


def is_blank(value: float) -> bool:
    """DCGM's "no value": NaN, the top of the 32-bit range, or from 2^47 (doubles) and near 2^63 (64-bit) on."""
    return value != value or value in _BLANK_INT32 or abs(value) >= _BLANK_FROM
