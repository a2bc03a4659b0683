"""Pages of an engine at the pods' own addresses, whose KV usage a test sets by pod."""

from __future__ import annotations

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tools.localcluster import LocalCluster

PORT = 8000
LABELS = '{engine="0",model_name="m"}'


class EnginePages:
    """Serves every pod of a namespace that has an address, as vLLM does, while the `with` block runs."""

    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._usage: dict[str, float] = {}
        self._everybody = 0.5
        self._shared: float | None = None
        self._living = 0
        self._servers: dict[str, ThreadingHTTPServer] = {}
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._watching.join()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def show(self, kv_usage: float, pod: str = "") -> None:
        """This KV usage (0-1) on one pod, or on all that are not named otherwise."""
        if pod:
            self._usage[pod] = kv_usage
        else:
            self._everybody = kv_usage

    def share(self, kv_usage: float) -> None:
        """So much KV usage in sum, spread evenly over the pods that live: who stays takes over what others had."""
        self._shared = kv_usage

    def wait_for(self, pods: int, seconds: float = 60) -> None:
        """Until so many are served."""
        self._cluster.wait_for(lambda: len(self._servers) >= pods, f"{pods} pods to be served", seconds)

    def page(self, pod: str) -> str:
        """In Prometheus' format; a busy replica runs and generates more."""
        even = self._everybody if self._shared is None else min(1.0, self._shared / max(1, self._living))
        usage = self._usage.get(pod, even)
        gauges = {"kv_cache_usage_perc": usage, "num_requests_waiting": 0.0, "num_requests_running": 40 * usage}
        lines = [f"# TYPE vllm:{name} gauge\nvllm:{name}{LABELS} {value}\n" for name, value in gauges.items()]
        tokens = (
            f"# TYPE vllm:generation_tokens_total counter\nvllm:generation_tokens_total{LABELS} {time.time() * 40}\n"
        )
        return "".join([*lines, tokens])

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            pods = [one for one in self._cluster.list("pods", self._namespace) if _lives(one)]
            self._living = len(pods)
            for pod in pods:
                name, address = pod["metadata"]["name"], pod.get("status", {}).get("podIP")
                if address and name not in self._servers:
                    with contextlib.suppress(OSError):
                        self._servers[name] = self._serve(name, address)

    def _serve(self, pod: str, address: str) -> ThreadingHTTPServer:
        pages = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = pages.page(pod).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer((address, PORT), Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


def _lives(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" not in pod["metadata"]
