"""What nodes say: the labels that feature discovery gives them, and no more of a node than that.

NVIDIA's labels are documented by gpu-feature-discovery, AMD's by its node labeller. The text of the product under the
MIG strategy `single` (`…-MIG-1g.10gb`) is unverified. Gaudi has no labels that are known here.
"""

import re
from collections.abc import Mapping
from typing import Any

from scalewarden.model.workload import NodeGpu
from scalewarden.sources.container import integer
from scalewarden.sources.tree import child

Object = Mapping[str, Any]

FORBIDDEN = "nodes cannot be read: the operator's role lacks get, list and watch on nodes"

_SLICED = re.compile(r"(?P<product>.+)-MIG-(?P<profile>[0-9]+g\.[0-9]+gb(?:\.[a-z0-9.]+)?)")
_LONGEST = 63


def trimmed(node: Object) -> dict[str, Any]:
    """A node with its name, labels and what it can give: images, addresses and conditions are most of its size."""
    metadata = child(node, "metadata")
    kept = {key: metadata[key] for key in ("name", "uid", "resourceVersion", "labels") if key in metadata}
    rest = {key: node[key] for key in ("apiVersion", "kind") if key in node}
    return rest | {"metadata": kept, "status": {"allocatable": child(node, "status", "allocatable")}}


def node_gpu(labels: Mapping[str, Any]) -> NodeGpu | None:
    """The GPUs of a node by its labels; None where no label speaks of any."""
    found = _nvidia(labels) or _amd(labels)
    return found if found != NodeGpu() else None


def _nvidia(labels: Mapping[str, Any]) -> NodeGpu | None:
    def text(name: str) -> str | None:
        value = labels.get(f"nvidia.com/{name}")
        return value[:_LONGEST] if isinstance(value, str) and value else None

    product, profile = text("gpu.product"), None
    sliced = _SLICED.fullmatch(product or "")
    if sliced:
        product, profile = sliced["product"], sliced["profile"]
    found = NodeGpu(
        product=product,
        count=integer(text("gpu.count")),
        memory_mib=integer(text("gpu.memory")),
        mig_config=text("mig.config"),
        mig_strategy=text("mig.strategy"),
        mig_profile=profile,
    )
    return found if found != NodeGpu() else None


def _amd(labels: Mapping[str, Any]) -> NodeGpu | None:
    """`amd.com/gpu.product-name` and `amd.com/gpu.vram` (as `192G`); older labellers wrote `beta.amd.com/…`."""
    for prefix in ("amd.com/", "beta.amd.com/"):
        product, vram = labels.get(f"{prefix}gpu.product-name"), labels.get(f"{prefix}gpu.vram")
        size = re.fullmatch(r"([0-9]{1,6})G(?:i?B)?", vram) if isinstance(vram, str) else None
        if isinstance(product, str) or size:
            memory = int(size[1]) * 1024 if size else None
            return NodeGpu(product=product[:_LONGEST] if isinstance(product, str) else None, memory_mib=memory)
    return None
