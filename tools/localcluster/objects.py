"""Kubernetes objects the local cluster makes itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def node(name: str, gpus: int, labels: Mapping[str, str]) -> dict[str, Any]:
    """A node with plenty of everything and `gpus` GPUs, kept alive by KWOK."""
    room = {"cpu": "128", "memory": "1Ti", "ephemeral-storage": "4Ti", "pods": "500"}
    if gpus:
        room["nvidia.com/gpu"] = str(gpus)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                **labels,
            },
        },
        "status": {"capacity": room, "allocatable": room, "nodeInfo": _NODE_INFO},
    }


def is_ready(item: Mapping[str, Any]) -> bool:
    """Whether a node or pod has the condition Ready=True."""
    conditions = item.get("status", {}).get("conditions", [])
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


_NODE_INFO = {
    "architecture": "amd64",
    "operatingSystem": "linux",
    "osImage": "simulated",
    "kernelVersion": "simulated",
    "containerRuntimeVersion": "kwok://0",
    "kubeletVersion": "v1.36.3",
    "kubeProxyVersion": "",
    "machineID": "",
    "systemUUID": "",
    "bootID": "",
}
