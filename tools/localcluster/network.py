"""A block of loopback addresses for each cluster.

On Linux every address in 127.0.0.0/8 can be bound without set-up. Each running cluster holds one /16:
pods get its low addresses (so that a process can listen on a pod's IP for real), the control plane its
high ones (so that two clusters cannot take each other's ports).
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from .errors import LocalClusterError

_FIRST, _LAST = 20, 219
_CLAIM_PORT = 27_020


@dataclass(frozen=True)
class AddressBlock:
    """One /16 of loopback, held as long as `claim` (or a copy of it) stays open."""

    number: int
    claim: socket.socket = field(repr=False, compare=False)

    @property
    def pod_cidr(self) -> str:
        """Where pods get their addresses."""
        return f"127.{self.number}.0.0/16"

    @property
    def host(self) -> str:
        """Where the control plane listens and nodes claim to be."""
        return host_of(self.number)


def host_of(number: int) -> str:
    """The control plane's address in block `number`: far above any pod address that is handed out."""
    return f"127.{number}.255.1"


def claim_block() -> AddressBlock:
    """Take a block no other cluster on this machine holds.

    The claim is a bound socket, so the kernel frees it when its last holder dies.
    """
    for number in random.sample(range(_FIRST, _LAST + 1), _LAST - _FIRST + 1):
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind((f"127.{number}.255.254", _CLAIM_PORT))
        except OSError:
            claim.close()
            continue
        return AddressBlock(number, claim)
    raise LocalClusterError(
        f"No free loopback block in 127.{_FIRST}.0.0–127.{_LAST}.255.255: either {_LAST - _FIRST + 1} local "
        "clusters are running (`python -m tools.localcluster status`), or this system does not let "
        "programs bind 127.x.y.z (Linux does)."
    )


def free_ports(host: str, count: int) -> list[int]:
    """`count` distinct ports free on `host` now."""
    with contextlib.ExitStack() as stack:
        return [port for _, port in zip(range(count), _bound(host, stack), strict=False)]


def _bound(host: str, stack: contextlib.ExitStack) -> Iterator[int]:
    while True:
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        sock.bind((host, 0))
        yield int(sock.getsockname()[1])
