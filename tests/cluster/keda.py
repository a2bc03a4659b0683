"""KEDA's ScaledObject as a kind of the API server, for tests without KEDA itself."""

from typing import Any


def keda() -> dict[str, Any]:
    """The kind as KEDA names it, without its schema."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {
        "kind": "ScaledObject",
        "listKind": "ScaledObjectList",
        "plural": "scaledobjects",
        "singular": "scaledobject",
    }
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": free}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "scaledobjects.keda.sh"},
        "spec": {"group": "keda.sh", "scope": "Namespaced", "names": names, "versions": [version]},
    }
