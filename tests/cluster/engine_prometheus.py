"""A private Prometheus that really scrapes the committed engine pages, with ten minutes of history at once."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from scalewarden.signals.sample import Scrape
from tests.contract.engines.pages import Fixture
from tools.localcluster.network import free_ports
from tools.localcluster.waiting import wait_for

TICK, HISTORY = 10, 600
"""Seconds between the samples of a page, and how far its first answer reaches back."""
NAMESPACE = "llm"


@dataclass
class Pages:
    """Serves each fixture at /<name>: first its history, then what is new, every sample with its own time."""

    fixtures: Mapping[str, Fixture]
    start: int = field(default_factory=lambda: int(time.time()))
    served: dict[str, int] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The samples of a page that were not served yet, in Prometheus' format."""
        last = self.served.get(name, self.start - HISTORY - TICK)
        newest = self.start + (int(time.time()) - self.start) // TICK * TICK
        self.served[name] = newest
        ticks = range(last + TICK, newest + 1, TICK)
        lines = (self.line(line.before(self.start - at), at) for line in self.fixtures[name].lines for at in ticks)
        return "".join(lines)

    def line(self, text: str | None, at: int) -> str:
        """One sample with its time; Prometheus knows no `-nan`."""
        return f"{text.replace(' -nan', ' NaN')} {at * 1000}\n" if text else ""

    def scrapes(self, name: str) -> list[Scrape]:
        """What a direct scrape would have seen up to `start`."""
        fixture = self.fixtures[name]
        return [fixture.scrape(float(self.start), float(ago)) for ago in range(HISTORY, -1, -TICK)]


@dataclass(frozen=True)
class Api:
    """The queries that the tests ask."""

    url: str

    def instant(self, query: str, at: float | None = None) -> list[dict[str, Any]]:
        """A vector at an instant, or now."""
        return self._ask("query", {"query": query} | ({} if at is None else {"time": str(at)}))

    def range(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """A matrix."""
        return self._ask("query_range", {"query": query, "start": str(start), "end": str(end), "step": str(step)})

    def rule_errors(self) -> Mapping[str, str]:
        """Recording rules that failed, by name."""
        groups = self._get("rules", "")["groups"]
        return {rule["name"]: rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")}

    def _ask(self, path: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self._get(path, urllib.parse.urlencode(parameters))["result"]
        return result

    def _get(self, path: str, body: str) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body.encode() if body else None)
        with urllib.request.urlopen(request, timeout=30) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
            return data


@contextmanager
def scraping(binary: Path, folder: Path, fixtures: Sequence[Fixture], rules: str) -> Iterator[tuple[Api, Pages]]:
    """A Prometheus that has scraped every page once."""
    pages = Pages({one.name: one for one in fixtures})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(pages))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "rules.yaml").write_text(rules)
    (folder / "prometheus.yml").write_text(_config(pages, server.server_address[1]))
    [port] = free_ports("127.0.0.1", 1)
    process = subprocess.Popen(
        [binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"),
    )  # fmt: skip
    try:
        api = Api(f"http://127.0.0.1:{port}")
        wait_for(lambda: _all_up(api, len(fixtures), process, folder), "every page to be scraped", 60)
        yield api, pages
    finally:
        process.terminate()
        process.wait(10)
        server.shutdown()
        server.server_close()


def _all_up(api: Api, count: int, process: subprocess.Popen[bytes], folder: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError((folder / "log").read_text()[-2000:])
    try:
        return len(api.instant("up == 1")) == count
    except OSError:
        return False


def _config(pages: Pages, port: int) -> str:
    targets = [
        {
            "targets": [f"127.0.0.1:{port}"],
            "labels": {"namespace": NAMESPACE, "pod": name, "__metrics_path__": f"/{name}"},
        }
        for name in pages.fixtures
    ]
    document = {
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "pods", "static_configs": targets}],
    }
    return yaml.safe_dump(document)


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.text(self.path.lstrip("/")).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Requests are not worth a line."""

    return Handler
