"""By hand: what the windows of a fleet of vLLM pods take in memory, and how long reading their signals takes.

    python -m tests.benchmarks.window_memory [--pods 200]

Eleven minutes of a recorded page all of whose series move at every scrape. Resident memory is that of the process, with
what all pods share; the other number is what Python allocated.
"""

import argparse
import gc
import time
import tracemalloc

from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Scrape
from scalewarden.sources.window import Bounds, Window
from tests.benchmarks.pages import moving, recorded, resident


def fill(pods: int, pages: list[str], every: float) -> list[Window]:
    """A window for each pod, scraped every so many seconds."""
    windows = [Window() for _ in range(pods)]
    for step, page in enumerate(pages):
        for window in windows:
            window.add(Scrape(step * every, parse(page, WANTED, unique=False)))
            window.trim(step * every)
    gc.collect()
    return windows


def measure(pods: int, every: float) -> None:
    page = recorded()[-1].decode()
    pages = [moving(page, step) for step in range(round(Bounds().span / every))]
    before = resident()
    windows = fill(pods, pages, every)
    grown = (resident() - before) / pods / 1000
    began = time.process_time()
    now = windows[0].newest or 0.0
    for window in windows[:64]:
        replica_signals(window.scrapes, Engine.VLLM, now, Thresholds(), 600.0)
    took = (time.process_time() - began) * 1000
    del windows
    tracemalloc.start()
    allocated = (fill(8, pages, every), tracemalloc.get_traced_memory()[0] / 8 / 1000)[1]
    tracemalloc.stop()
    print(
        f"every {every:g} s: {len(pages)} scrapes, {grown:.0f} kB resident and {allocated:.0f} kB allocated a pod; "
        f"the signals of {min(64, pods)} pods in {took:.0f} ms"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=200)
    asked = parser.parse_args()
    for seconds in (15.0, 5.0):
        measure(asked.pods, seconds)
