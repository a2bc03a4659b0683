"""A simulated inference fleet: real ``/metrics`` text from a model that reacts when a replica is removed."""

from tools.fleet.faults import Fault
from tools.fleet.model import FleetModel, ReplicaSnapshot
from tools.fleet.pods import Pod, PodSource, StaticPods
from tools.fleet.server import Fleet
from tools.fleet.spec import PRESETS, DcgmStyle, FleetSpec, Replay

__all__ = [
    "PRESETS",
    "DcgmStyle",
    "Fault",
    "Fleet",
    "FleetModel",
    "FleetSpec",
    "Pod",
    "PodSource",
    "Replay",
    "ReplicaSnapshot",
    "StaticPods",
]
