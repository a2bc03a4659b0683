"""Nodes by their labels, and what is kept of them."""

import json
from typing import Any

import pytest

from scalewarden.model.workload import NodeGpu
from scalewarden.sources.nodes import node_gpu, trimmed


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.count": "8",
          "nvidia.com/gpu.memory": "81559", "nvidia.com/mig.strategy": "mixed", "nvidia.com/mig.config": "all-1g.10gb"},
         NodeGpu("NVIDIA-H100-80GB-HBM3", 8, 81559, "all-1g.10gb", "mixed")),
        ({"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "nvidia.com/gpu.count": "14",
          "nvidia.com/mig.strategy": "single"},
         NodeGpu("NVIDIA-A100-SXM4-80GB", 14, None, None, "single", "1g.10gb")),
        ({"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM", "amd.com/gpu.vram": "192G"},
         NodeGpu("AMD_Instinct_MI300X_OAM", memory_mib=196608)),
        ({"beta.amd.com/gpu.vram": "64G"}, NodeGpu(memory_mib=65536)),
        ({"nvidia.com/gpu.count": "many", "amd.com/gpu.vram": "1e9G"}, None),
        ({"kubernetes.io/arch": "amd64"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_gpus_by_labels(labels: dict[str, str], found: NodeGpu | None):
    assert node_gpu(labels) == found


def test_a_node_is_kept_without_its_bulk():
    images = [{"names": [f"registry/image-{n}@sha256:{'0' * 64}"], "sizeBytes": 1} for n in range(50)]
    metadata = {"name": "gpu-1", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}, "annotations": {"x": "y"}}
    status = {"allocatable": {"nvidia.com/gpu": "8"}, "images": images, "nodeInfo": {}, "conditions": [{}]}
    node: dict[str, Any] = {"kind": "Node", "apiVersion": "v1", "metadata": metadata, "spec": {}, "status": status}
    kept = trimmed(node)
    assert kept == {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": "gpu-1", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}},
        "status": {"allocatable": {"nvidia.com/gpu": "8"}},
    }
    assert len(json.dumps(kept)) < 250


def test_odd_nodes_are_kept_as_far_as_they_go():
    assert trimmed({"metadata": {"name": "n"}, "status": None}) == {
        "metadata": {"name": "n"},
        "status": {"allocatable": {}},
    }
    assert node_gpu({"nvidia.com/gpu.product": 5, "amd.com/gpu.vram": ["192G"]}) is None
