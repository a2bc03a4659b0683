"""The cluster's own Prometheus with one more job, for an operator that runs beside the cluster."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tools.localcluster import LocalCluster

JOB = Path(__file__).parents[2] / "examples" / "cooperate" / "prometheus-scrape.yaml"


class OwnPrometheus:
    """Scrapes an operator as examples/cooperate/prometheus-scrape.yaml has it, but at an address."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster, self._before = cluster, cluster.prometheus_config.read_text()

    @contextmanager
    def scraping(self, port: int) -> Iterator[None]:
        """With the operator at this port of this machine, while the block runs."""
        (job,) = yaml.safe_load(JOB.read_text(encoding="utf-8"))["scrape_configs"]
        here = {"job_name": job["job_name"], "honor_labels": job["honor_labels"]}
        here["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
        config = yaml.safe_load(self._before)
        self._load(yaml.safe_dump({**config, "scrape_configs": [*config["scrape_configs"], here]}))
        try:
            yield
        finally:
            self._load(self._before)

    def _load(self, text: str) -> None:
        self._cluster.prometheus_config.write_text(text)
        urllib.request.urlopen(urllib.request.Request(f"{self._cluster.prometheus_url}/-/reload", method="POST"))
