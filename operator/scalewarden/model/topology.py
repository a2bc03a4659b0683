"""What a replica's devices are a part of, and how they reach each other."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SliceShare:
    """The part of a whole GPU that one device is: of its multiprocessors and of its memory, each a fraction 0-1.

    Memory bandwidth goes with memory. note says where the numbers come from, or why they are nominal only; it is
    empty for a whole GPU.
    """

    sm: float = 1.0
    memory: float = 1.0
    note: str = ""


WHOLE = SliceShare()
"""A GPU that nobody cut."""


class Link(StrEnum):
    """The link between the GPUs of one replica; NVLINK stands for its likes of other vendors too."""

    NVLINK = "NVLink"
    PCIE = "PCIe"
    NONE = "None"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Interconnect:
    """The link between the GPUs of one replica, and the one thing that gave it away, for people."""

    kind: Link = Link.UNKNOWN
    evidence: str = ""
