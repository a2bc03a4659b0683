"""Signals of real recordings against what the load generator and the server's own means said had happened.

`outcome.json` was written by the tool that made the recordings, phase by phase, from every page it saw.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines.table import Series
from scalewarden.signals.histograms import observed, quantile
from scalewarden.signals.pages import Pages
from scalewarden.sources.recording import Recording, load

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"
NAMES = sorted(path.parent.name for path in RECORDINGS.glob("*/recording.yaml"))
GAUGES = {"kv_cache_usage": SignalName.KV_USAGE, "running": SignalName.RUNNING, "waiting": SignalName.WAITING}
HISTOGRAMS = {
    "ttft_p95_s_from_histogram": "vllm:time_to_first_token_seconds",
    "itl_p95_s_from_histogram": "vllm:inter_token_latency_seconds",
    "queue_p95_s_from_histogram": "vllm:request_queue_time_seconds",
    "e2e_p95_s_from_histogram": "vllm:e2e_request_latency_seconds",
}


def test_the_recordings_are_here():
    assert len(NAMES) == 7


def phases(recording: Recording, outcome: Mapping[str, Any]) -> Iterator[tuple[str, Pages, Mapping[str, Any]]]:
    """(name, the pages within it, what the server did) of every phase that the recording covers in full."""
    for phase in outcome["phases"]:
        for letter, server in phase["server"].items():
            series = recording.scrapes.get((recording.declared.namespace, f"svc-{letter}"), Absent("not recorded"))
            if isinstance(series, Absent):
                continue
            within = tuple(one for one in series if int(phase["start"]) <= one.at <= phase["end"])
            if within and len(within) == server["scrapes"]:
                yield f"{phase['name']}/{letter}", Pages(within), server


@pytest.fixture(params=NAMES)
def recorded(request: pytest.FixtureRequest) -> tuple[Recording, Mapping[str, Any]]:
    """A recording with its outcome."""
    folder = RECORDINGS / request.param
    return load(folder), json.loads((folder / "outcome.json").read_text())


def close(found: float, said: float, share: float = 0.01) -> bool:
    """Equal but for the outcome's rounding (three decimals, or `share`)."""
    return found == pytest.approx(said, rel=share, abs=0.0011)


def test_levels_and_counts_are_what_the_server_did(recorded: tuple[Recording, Mapping[str, Any]]):
    checked = 0
    for phase, pages, server in phases(*recorded):
        now = pages.scrapes[-1].at
        signals = replica_signals(pages.scrapes, Engine.VLLM, now, Thresholds(), 600)
        for key, name in GAUGES.items():
            level = signals[name]
            assert isinstance(level, Reading), (phase, name)
            values = [point.value for point in level.series]
            said = server[key]
            assert close(fmean(values), said["mean"]), (phase, name)
            assert close(max(values), said["max"]), (phase, name)
            assert close(level.value, said["last"]), (phase, name)
        preemptions = signals[SignalName.PREEMPTIONS]
        if isinstance(preemptions, Reading):
            assert preemptions.value == server["preemptions"], phase
            checked += 1
    assert checked


def test_throughput_is_what_the_server_did(recorded: tuple[Recording, Mapping[str, Any]]):
    """File names hold whole seconds, so a rate over a short phase is up to a tenth off."""
    checked = 0
    for phase, pages, server in phases(*recorded):
        signals = replica_signals(pages.scrapes, Engine.VLLM, pages.scrapes[-1].at, Thresholds(), 600)
        tokens = signals[SignalName.GEN_TPS]
        if isinstance(tokens, Reading) and server["generation_tokens_per_s"] is not None:
            off = 1 / tokens.window + 0.01
            assert close(tokens.value, server["generation_tokens_per_s"], off), phase
            checked += 1
    assert checked


def test_quantiles_are_what_the_histograms_say(recorded: tuple[Recording, Mapping[str, Any]]):
    for phase, pages, server in phases(*recorded):
        for key, name in HISTOGRAMS.items():
            seen = observed(pages, Series(name))
            if seen is None:
                continue
            value = quantile(seen, 0.95)
            if server[key] is None:
                assert value is None, (phase, key)
            else:
                assert value is not None
                assert close(value, server[key]), (phase, key)


def test_a_snapshot_knows_what_the_manifests_and_pages_say(recorded: tuple[Recording, Mapping[str, Any]]):
    snapshot = recorded[0].snapshot()
    assert snapshot.engine is Engine.VLLM
    assert snapshot.workload.max_num_seqs == 64
    assert 4 <= snapshot.scrape_interval <= 6
    for replica in snapshot.replicas:
        capacity = replica.signal(SignalName.KV_TOKENS)
        assert isinstance(capacity, Reading)
        assert capacity.value == 256 * 32


def test_the_queue_grows_before_the_preemption_counter_moves():
    """kv-pressured: running fell 13 → 7 and waiting rose 15 → 21 while the counter stood still."""
    signals = load(RECORDINGS / "kv-pressured").snapshot().replicas[0].signals
    running, waiting, preempted = (
        dict(signal.series)
        for name in (SignalName.RUNNING, SignalName.WAITING, SignalName.PREEMPTIONS)
        if isinstance(signal := signals[name], Reading)
    )
    before = [at for at, count in preempted.items() if count == 0 and waiting[at] > 0]
    assert len(before) >= 5
    assert waiting[before[-1]] > waiting[before[0]]
    assert running[before[-1]] < max(running[at] for at in before)


def test_a_replica_that_joined_late_is_seen_from_then_on():
    recording = load(RECORDINGS / "scaleup-rescue")
    first = min(scrape.at for scrape in recording.scrapes["serving", "svc-b"])
    assert [replica.ready for replica in recording.snapshot(at=first - 1).replicas] == [True, False]
    assert [replica.ready for replica in recording.snapshot(at=first).replicas] == [True, True]
