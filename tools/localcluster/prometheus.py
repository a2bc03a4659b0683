"""Prometheus' configuration: scrape every running pod that asks for it by annotation. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_META = "__meta_kubernetes_"
_ANNOTATION = f"{_META}pod_annotation_prometheus_io_"
_COPIED = {"namespace": "namespace", "pod_name": "pod", "pod_node_name": "node", "pod_ip": "pod_ip"}


def config(kubeconfig: Path, scrape_interval: str) -> str:
    """YAML. A pod is scraped at its own IP by `prometheus.io/scrape: "true"`, `/port`, `/path`, `/scheme`.

    Series get the labels namespace, pod, node, pod_ip, and instance as `<ip>:<port>`.
    """
    document = {
        "global": {
            "scrape_interval": scrape_interval,
            "scrape_timeout": scrape_interval,
            "evaluation_interval": scrape_interval,
        },
        "scrape_configs": [
            {
                "job_name": "pods",
                "kubernetes_sd_configs": [{"role": "pod", "kubeconfig_file": str(kubeconfig)}],
                "relabel_configs": _relabeling(),
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _relabeling() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [
        {"action": "keep", "source_labels": [f"{_ANNOTATION}scrape"], "regex": "true"},
        {"action": "keep", "source_labels": [f"{_META}pod_phase"], "regex": "Running"},
        {
            "action": "replace",
            "source_labels": [f"{_META}pod_ip", f"{_ANNOTATION}port"],
            "regex": "(.+);([0-9]+)",
            "replacement": "$1:$2",
            "target_label": "__address__",
        },
        _copy(f"{_ANNOTATION}path", "__metrics_path__"),
        _copy(f"{_ANNOTATION}scheme", "__scheme__"),
    ]
    return steps + [_copy(f"{_META}{source}", target) for source, target in _COPIED.items()]


def _copy(source: str, target: str) -> dict[str, Any]:
    """Set `target` from `source` where it has a value."""
    return {"action": "replace", "source_labels": [source], "regex": "(.+)", "target_label": target}
