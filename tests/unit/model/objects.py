"""The good and bad InferenceDeployments that the unit tier and the cluster tier share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_TABLE = yaml.safe_load(Path(__file__).with_name("objects.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Bad:
    """A spec that is refused, the field that is named, and what each side says."""

    name: str
    spec: dict[str, Any]
    field: str
    server: str
    file: str


def deployment(spec: dict[str, Any], name: str = "llama-70b", namespace: str = "serving") -> dict[str, Any]:
    """An InferenceDeployment of this spec, with the table's target where the spec gives none."""
    return {
        "apiVersion": "scalewarden.dev/v1alpha1",
        "kind": "InferenceDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"targetRef": _TABLE["target"], **spec},
    }


def _bad(name: str, row: dict[str, Any]) -> Bad:
    return Bad(name, row["spec"], row["field"], row.get("server") or row["says"], row.get("file") or row["says"])


GOOD: dict[str, dict[str, Any]] = _TABLE["good"]
BAD = tuple(_bad(name, row) for name, row in _TABLE["bad"].items())
