"""A real Kubernetes control plane on one machine, without containers: for the demo and the cluster tests."""

from .cluster import LocalCluster, down
from .components import Settings
from .errors import BinaryMissingError, CommandFailedError, LocalClusterError, WaitTimeoutError

__all__ = [
    "BinaryMissingError",
    "CommandFailedError",
    "LocalCluster",
    "LocalClusterError",
    "Settings",
    "WaitTimeoutError",
    "down",
]
