"""The pods a fleet serves metrics for, and where they come from.

``PodSource`` is the seam: the Kubernetes API in the demo and the cluster tests, a list in memory elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

FLEET_LABEL = "scalewarden.dev/fleet"
NAME_LABEL = "app.kubernetes.io/name"
EXPORTER_NAME = "dcgm-exporter"


@dataclass(frozen=True)
class Pod:
    """What matters of a pod."""

    namespace: str
    name: str
    ip: str
    """Empty until it has one."""
    node: str = ""
    ready: bool = True
    container: str = "server"
    gpus: int = 0
    """Whole GPUs, or MIG instances, it asked for."""
    mig_profile: str = ""
    """Such as ``3g.40gb``, from a resource ``nvidia.com/mig-3g.40gb``."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def fleet(self) -> str:
        return self.labels.get(FLEET_LABEL, "")

    @property
    def is_exporter(self) -> bool:
        return self.labels.get(NAME_LABEL) == EXPORTER_NAME

    @classmethod
    def parse(cls, pod: Mapping[str, Any]) -> Self | None:
        """A pod as the API returns it; None once it is going or gone."""
        meta, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
        if meta.get("deletionTimestamp") or status.get("phase") in ("Failed", "Succeeded"):
            return None
        container = spec["containers"][0]
        gpus, profile = _accelerators(container.get("resources", {}))
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            ip=status.get("podIP") or "",
            node=spec.get("nodeName", ""),
            ready=bool(status.get("podIP"))
            and any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])),
            container=container["name"],
            gpus=gpus,
            mig_profile=profile,
            labels=meta.get("labels") or {},
        )


def _accelerators(resources: Mapping[str, Any]) -> tuple[int, str]:
    """(count, MIG profile) from a container's resources; limits and requests of GPUs are always equal."""
    asked = resources.get("limits") or resources.get("requests") or {}
    for name, quantity in asked.items():
        if name == "nvidia.com/gpu":
            return int(quantity), ""
        if name.startswith("nvidia.com/mig-"):
            return int(quantity), name.removeprefix("nvidia.com/mig-")
    return 0, ""


class PodSource(Protocol):
    """Tells which pods there are."""

    def snapshots(self) -> AsyncIterator[tuple[Pod, ...]]:
        """All pods now, and again after every change, until cancelled."""
        ...


class StaticPods:
    """Pods set by hand."""

    def __init__(self, pods: Iterable[Pod] = ()) -> None:
        self._pods = tuple(pods)
        self._changed = asyncio.Event()

    def set(self, pods: Iterable[Pod]) -> None:
        """Replace all pods."""
        self._pods = tuple(pods)
        self._changed.set()

    async def snapshots(self) -> AsyncIterator[tuple[Pod, ...]]:
        while True:
            self._changed.clear()
            yield self._pods
            await self._changed.wait()
