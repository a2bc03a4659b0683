"""The report in a real browser: nothing sticks out at 400 or 1280 px, nothing is asked of a network, it prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scalewarden.surfaces.report import to_html
from tests.replay_documents import HOUR, START, decided, misreading, replay, service

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
MEASURE = """<!doctype html><iframe id=f src="report.html" width="{width}" height="900" style="border:0"></iframe>
<pre id=o></pre>
<script>document.getElementById("f").onload = (e) => {{
  const d = e.target.contentDocument, root = d.documentElement, wide = [];
  for (const one of d.querySelectorAll("main *")) {{
    const right = one.getBoundingClientRect().right;
    if (!one.closest(".scroll") && right > {width} + 1) wide.push(one.className || one.tagName);
  }}
  const sizes = [...d.querySelectorAll("main *")].filter((one) => one.childNodes.length && one.textContent.trim())
    .map((one) => parseFloat(d.defaultView.getComputedStyle(one).fontSize));
  const lines = [...d.querySelectorAll("details[open] .area svg")].map((one) => one.getBoundingClientRect());
  document.getElementById("o").textContent = JSON.stringify({{
    width: root.scrollWidth, wide, smallest: Math.min(...sizes),
    plots: lines.filter((r) => r.width > 200 && r.height > 80).length,
  }});
}}</script>"""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        pytest.skip("NO BROWSER, the report was not looked at. Install chromium to run this.")
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    given = (decided(START + HOUR), decided(START + 9 * HOUR, message="x" * 300, why="y" * 80))
    long = service("a-namespace-with-a-long-name/" + "llama-3-3-70b-instruct-" * 4, decided=given)
    (folder / "report.html").write_text(to_html(replay(service(decided=given, misreadings=(misreading(START),)), long)))
    return folder


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The folder over HTTP, and every path that was asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def run(chromium: str, profile: Path, *arguments: str) -> str:
    command = [chromium, *FLAGS, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.parametrize("width", [400, 1280])
def test_everything_fits_and_can_be_read(chromium: str, folder: Path, tmp_path: Path, width: int) -> None:
    (folder / "measure.html").write_text(MEASURE.format(width=width))
    with served(folder) as (address, asked):
        dom = run(chromium, tmp_path / "p", "--virtual-time-budget=5000", "--dump-dom", f"{address}/measure.html")
    told = re.search(r"<pre id=\"?o\"?>(.*?)</pre>", dom)
    assert told and told[1], dom[-500:]
    found = json.loads(told[1])
    assert found["width"] <= width and found["wide"] == []
    assert found["smallest"] >= 11
    assert found["plots"] == 8  # of both services, which have decreases and are open
    assert {path for path in asked if "favicon" not in path} == {"/measure.html", "/report.html"}


def test_it_prints(chromium: str, folder: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    run(chromium, tmp_path / "p", f"--print-to-pdf={pdf}", "--no-pdf-header-footer", (folder / "report.html").as_uri())
    assert pdf.read_bytes().startswith(b"%PDF") and pdf.stat().st_size > 20_000
