"""What is learned from real servers against what they did. `pytest -s` prints the numbers of the documentation.

The recordings last two minutes and the benchmark runs one to three, so samples are taken over seconds, not minutes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from scalewarden.judgement.learn import learn
from scalewarden.judgement.learn_history import learn_history
from scalewarden.model.baseline import Learned, Line
from scalewarden.model.signal import Absent, Point, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.sources.recording import load
from scalewarden.whatif.learned import itl_line, sustainable_tps
from tests import builders as build

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "examples" / "recordings"
BENCH = ROOT.parent / "shared" / "data" / "calibration" / "llmservingsim" / "bench"


# Recordings -------------------------------------------------------------------------------------------------------


def replayed(name: str, until: float = float("inf"), **lines: float) -> tuple[Learned, Thresholds]:
    """A recording looked at with every scrape, as the operator would have; one replica counts as one GPU."""
    recording, limits = load(RECORDINGS / name), Thresholds({"learnEvery": 30.0, "dwell": 0.0, **lines})
    learned: Learned | None = None
    for at in recording.instants:
        if at <= until:
            snapshot = recording.snapshot(at=at)
            one_gpu = replace(snapshot.workload, gpus_per_replica=1)
            learned = learn(learned, replace(snapshot, workload=one_gpu, thresholds=limits))
    assert learned is not None
    return learned, limits


def phase(name: str, which: str) -> Mapping[str, Any]:
    outcome = json.loads((RECORDINGS / name / "outcome.json").read_text())
    return next(one for one in outcome["phases"] if one["name"] == which)


NAMES = sorted(path.parent.name for path in RECORDINGS.glob("*/recording.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_lacks_memory_never_shows_what_it_sustains(name: str) -> None:
    """Each queue of these recordings stood because the KV cache was full: no sample, tokens/s are not judged."""
    learned, _ = replayed(name)
    assert learned.saturated == ()


def test_the_line_of_two_replicas_foretells_itl_on_one() -> None:
    learned, limits = replayed("scaledown-moderate", phase("scaledown-moderate", "before")["end"])
    line = itl_line(learned, learned.itl.at if learned.itl else 0.0, limits)
    after = phase("scaledown-moderate", "after")
    server = after["server"]["a"]
    running, measured = server["running"]["mean"], after["client"]["tpot_s"]["p50"]
    assert line is not None and line.high <= 8 < server["running"]["max"]
    foretold = line.intercept + line.slope * running
    print(
        f"\nscaledown-moderate: ITL at {running:.1f} running {foretold * 1e3:.1f} ms, measured {measured * 1e3:.1f} ms"
    )
    assert foretold == pytest.approx(measured, rel=0.10)


def test_a_steady_batch_gives_no_line() -> None:
    learned, limits = replayed("scaledown-users-unsafe-drained")
    assert learned.itl is not None and itl_line(learned, learned.itl.at, limits) is None


def test_tokens_per_second_at_a_batch_are_those_of_the_server() -> None:
    learned, _ = replayed("scaledown-moderate", phase("scaledown-moderate", "before")["end"])
    server = phase("scaledown-moderate", "before")["server"]
    measured = fmean(server[replica]["generation_tokens_per_s"] for replica in ("a", "b"))
    (bucket,) = (one for one in learned.batches if one.running == 4)
    print(f"\nscaledown-moderate: {bucket.tps:.0f} tokens/s at about 4 running, measured {measured:.0f} at 3.9")
    assert bucket.tps == pytest.approx(measured, rel=0.15)
    assert (bucket.input, bucket.output) == (pytest.approx(256, rel=0.2), pytest.approx(192, rel=0.2))


def test_calm_is_what_calm_phases_reached() -> None:
    learned, _ = replayed("scaleup-rescue")
    server = phase("scaleup-rescue", "after")["server"]
    measured = max(one["generation_tokens_per_s"] for one in server.values())
    (calm,) = learned.calm
    print(f"\nscaleup-rescue: calm {calm.value:.0f} tokens/s, mean of the calm phase {measured:.0f}")
    assert measured * 0.95 <= calm.value <= measured * 1.15


# Benchmark runs ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One server from idle into overload and back, second by second (t in s, speeds in tokens/s)."""

    rows: tuple[Mapping[str, float], ...]
    requests: tuple[Mapping[str, Any], ...]

    def column(self, name: str, scale: float = 1.0) -> list[Point]:
        return [Point(build.AT + row["t"], row[name] * scale) for row in self.rows]

    @property
    def itl(self) -> list[Point]:
        """Mean over the requests that decode in each second of their own mean ITL."""
        begin = min(one["queued_ts"] for one in self.requests)
        decoded = [one for one in self.requests if one["output_toks"] > 1]
        spans = [(one["first_token_ts"] - begin, one["last_token_ts"] - begin, tpot(one)) for one in decoded]
        points = []
        for row in self.rows:
            active = [each for first, last, each in spans if first < row["t"] and last > row["t"] - 1]
            points += [Point(build.AT + row["t"], fmean(active))] if active else []
        return points

    @property
    def saturated(self) -> list[float]:
        """Tokens/s of every second in which requests waited and the cache had room."""
        return [row["gen_throughput"] for row in self.rows if row["waiting"] > 0 and row["kv_cache_pct"] < 90]


def tpot(request: Mapping[str, Any]) -> float:
    """Mean seconds between two tokens of a request."""
    return float((request["last_token_ts"] - request["first_token_ts"]) / (request["output_toks"] - 1))


@cache
def run(name: str) -> Run:
    folder = BENCH / name
    if not folder.is_dir():
        pytest.skip(f"NOT RUN: the benchmark run is not at {folder}")
    with (folder / "timeseries.csv").open() as file:
        rows = tuple({key: float(value) for key, value in row.items()} for row in csv.DictReader(file))
    with (folder / "requests.jsonl").open() as file:
        return Run(rows, tuple(map(json.loads, file)))


def looked_at(found: Run, every: float) -> tuple[Learned, Snapshot]:
    """Their preemptions were not recorded; where the cache stays below 90 % there is none."""
    engine = build.replica(preemptions=Absent("not recorded", for_good=True))
    lines = {"learnEvery": every, "dwell": 0.0, "learnSamples": 3.0, "shortSpan": 2.0}
    service = replace(build.snapshot([engine], thresholds=lines), at=build.AT + found.rows[-1]["t"])
    series = {
        SignalName.GEN_TPS: found.column("gen_throughput"),
        SignalName.RUNNING: found.column("running"),
        SignalName.WAITING: found.column("waiting"),
        SignalName.KV_USAGE: found.column("kv_cache_pct", 0.01),
        SignalName.ITL_MEAN: found.itl,
    }
    return learn_history(None, service, {"replica": series}, step=1.0), service


SATURATED = {"RTXPRO6000_Llama-3.1-8B": (5.0, 1.25), "RTXPRO6000_Qwen3-32B": (30.0, 1.25)}
"""Run → seconds of a sample (as many as leave three samples) and how far the percentile may lie above the mean."""


@pytest.mark.parametrize(("name", "every", "most"), [(name, *how) for name, how in SATURATED.items()])
def test_what_a_batch_limited_server_sustains(name: str, every: float, most: float) -> None:
    found = run(name)
    learned, service = looked_at(found, every)
    sustained, mean = sustainable_tps(learned, service.at, service.thresholds), fmean(found.saturated)
    assert sustained is not None
    print(f"\n{name}: sustains {sustained:.0f} tokens/s ({len(learned.saturated)} samples of {every:g} s)", end="")
    print(f", mean of the {len(found.saturated)} saturated seconds {mean:.0f}: {sustained / mean - 1:+.0%}")
    assert mean <= sustained <= most * mean


def test_the_shorter_a_sample_the_more_it_flatters() -> None:
    """Prefills of new requests come in waves: seconds without one are fast, and the percentile finds them."""
    found = run("RTXPRO6000_Qwen3-32B")
    shares = {}
    for every in (5.0, 10.0, 20.0, 30.0):
        learned, service = looked_at(found, every)
        sustained = sustainable_tps(learned, service.at, service.thresholds)
        assert sustained is not None
        shares[every] = sustained / fmean(found.saturated)
    print("\nRTXPRO6000_Qwen3-32B, over the mean: " + ", ".join(f"{e:g} s {s - 1:+.0%}" for e, s in shares.items()))
    assert shares[30.0] < shares[5.0]


def test_a_server_that_runs_out_of_memory_gives_no_sample() -> None:
    learned, service = looked_at(run("RTX4090_Llama-3.1-8B"), 5.0)
    assert (learned.saturated, sustainable_tps(learned, service.at, service.thresholds)) == ((), None)


LINES = ("RTXPRO6000_Llama-3.1-8B", "RTXPRO6000_Qwen3-30B-A3B-Instruct-2507", "RTXPRO6000_Qwen3-32B")


@pytest.mark.parametrize("name", LINES)
def test_the_line_meets_the_mean_itl_of_all_requests(name: str) -> None:
    found = run(name)
    learned, service = looked_at(found, 5.0)
    line = itl_line(learned, service.at, service.thresholds)
    assert isinstance(line, Line)
    foretold = line.intercept + line.slope * line.running
    measured = fmean(tpot(one) for one in found.requests if one["output_toks"] > 1)
    print(f"\n{name}: ITL = {line.intercept * 1e3:.1f} ms + {line.slope * 1e3:.3f} ms · running", end="")
    print(f" (± {line.deviation * 1e3:.1f} ms), at its mean {foretold * 1e3:.1f} ms, measured {measured * 1e3:.1f} ms")
    assert foretold == pytest.approx(measured, rel=0.05)
    assert 0 < line.slope < 0.001
