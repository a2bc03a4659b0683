"""A double of prometheus-adapter, which no Go proxy offers here: external metrics out of a real Prometheus.

Only the adapter is a double. The rules are those of examples/cooperate/prometheus-adapter.yaml, and the query is built
from them as the adapter does; Prometheus, the aggregation layer and the HPA controller are real.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
import yaml

from tools.localcluster import LocalCluster

RULES = Path(__file__).parents[2] / "examples" / "cooperate" / "prometheus-adapter.yaml"
GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
SERVICE = "prometheus-adapter"


class Adapter:
    """Answers for the rules' metrics from the Prometheus at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url
        rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["rules"]["external"]
        self.rules: Mapping[str, Mapping[str, Any]] = {rule["name"]["as"]: rule for rule in rules}

    def query(self, metric: str, namespace: str, selector: str) -> str:
        """The PromQL that the adapter asks for a metric: series, selector and namespace put into the rule's query."""
        rule = self.rules[metric]
        series = rule["seriesQuery"].split("{")[0] or rule["seriesQuery"].split('"')[1]
        pairs = [*(one.split("=") for one in selector.split(",") if one), ("namespace", namespace)]
        filled = {"Series": series, "LabelMatchers": ",".join(f'{k}="{v}"' for k, v in pairs), "GroupBy": ""}
        text = str(rule["metricsQuery"])
        for name, value in filled.items():
            text = text.replace(f"<<.{name}>>", value)
        return text

    def value(self, query: str) -> float | None:
        """The one value, None where the query gives none."""
        with urllib.request.urlopen(f"{self._url}/api/v1/query?query={urllib.parse.quote(query)}", timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def answer(self, path: str) -> dict[str, Any]:
        """To one request of the aggregation layer."""
        parts = urllib.parse.urlsplit(path)
        place = parts.path.strip("/").split("/")
        if "namespaces" not in place:
            kinds = [
                {"name": one, "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
                for one in self.rules
            ]
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{GROUP}/{VERSION}",
                "resources": kinds,
            }
        namespace, metric = place[-2:]
        selector = dict(urllib.parse.parse_qsl(parts.query)).get("labelSelector", "")
        value = self.value(self.query(metric, namespace, selector))
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        item = {"metricName": metric, "metricLabels": {}, "timestamp": at, "value": f"{round((value or 0) * 1000)}m"}
        items = [] if value is None else [item]
        return {"kind": "ExternalMetricValueList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items}


@contextmanager
def serving(cluster: LocalCluster) -> Iterator[Adapter]:
    """Registered with the cluster, over its own Prometheus, while the block runs."""
    assert cluster.prometheus_url is not None
    adapter, authority = Adapter(cluster.prometheus_url), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(f"{SERVICE}.default.svc").configure_cert(context)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(adapter.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        cluster.apply(registration(server.server_address[1], authority.cert_pem.bytes()))
        yield adapter
        cluster.kubectl("delete", "apiservice", f"{VERSION}.{GROUP}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def registration(port: int, ca: bytes) -> list[dict[str, Any]]:
    """The Service and the APIService that lead kube-apiserver here."""
    at = {"name": SERVICE, "namespace": "default"}
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    api = {"group": GROUP, "version": VERSION, "groupPriorityMinimum": 100, "versionPriority": 100}
    api |= {"caBundle": base64.b64encode(ca).decode(), "service": {**at, "port": port}}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": at, "spec": spec},
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{VERSION}.{GROUP}"},
            "spec": api,
        },
    ]
