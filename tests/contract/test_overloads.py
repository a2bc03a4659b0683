"""Recorded overloads of real servers, second by second: the diagnosis is right, and the warning comes first.

The runs are other people's and read where they are. `pytest -s` prints the rows of docs/concepts/the-what-if.md. Of
three of them the KV cache was not recorded: it reads 0 throughout, so only the batch, the queue and tokens speak.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.diagnosis import Regime
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Absent, Point
from scalewarden.model.snapshot import History
from scalewarden.model.verdict import Decision, Reason
from scalewarden.signals.windows import quantile
from tests import builders as build

BENCH = Path(__file__).parents[3] / "shared" / "data" / "calibration" / "llmservingsim" / "bench"

LASTS = 46
"""Samples, one a second, that span the 45 s from which a queue may be said to stand."""

DOUBTS = {Reason.SIGNALS_MISSING, Reason.STABILIZING, Reason.IN_TRANSITION}

UNDECIDED = {Regime.UNDERLOADED, Regime.HEALTHY, Regime.INDETERMINATE}
"""What may be said while no queue has stood for long enough to say why."""


@dataclass(frozen=True)
class Run:
    """What binds in a run, None where its queue is gone before it may be said to stand; by which reason the first
    warning comes that no queue caused, None where a queue comes first, and how many seconds before the queue that
    stays; how many engines."""

    name: str
    binds: Regime | None
    warned_by: Reason | None
    ahead: int = 0
    engines: int = 1


RUNS = (
    Run("RTX4090_Llama-3.1-8B", Regime.KV_CACHE_BOUND, Reason.KV_CACHE_PRESSURE, 1),
    Run("RTXPRO6000_Llama-3.1-8B", None, Reason.CONCURRENCY_BOUND, 8),
    Run("RTXPRO6000_Qwen3-30B-A3B-Instruct-2507", None, Reason.CONCURRENCY_BOUND, 17, engines=2),
    # 17 requests waited at the third second, with 16 of 128 running: prefill took 2 s a batch, nothing came before it
    Run("RTXPRO6000_Qwen3-32B", Regime.BATCH_LIMITED, None),
)


@dataclass(frozen=True)
class Second:
    """One second: waiting requests, and what was said of a removal from two such replicas to one."""

    at: float
    waiting: float
    said: Evaluation

    @property
    def warns(self) -> bool:
        return self.said.verdict.decision is not Decision.ALLOW and self.said.verdict.reason not in DOUBTS


@cache
def seconds(run: Run) -> tuple[Second, ...]:
    folder = BENCH / run.name
    if not folder.is_dir():
        pytest.skip(f"NOT RUN: the recorded overload is not at {folder}")
    with (folder / "timeseries.csv").open() as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    limit = json.loads((folder / "meta.json").read_text())["engine_kwargs"]["max_num_seqs"]
    history, found = History(since=build.AT - 3600), []
    for index, row in enumerate(rows):
        said = evaluate(snapshot(rows[: index + 1], limit, run.engines, history), Policy(stabilization=0.0))
        history = said.history
        found.append(Second(row["t"], row["waiting"], said))
    return tuple(found)


def snapshot(rows, limit: int, engines: int, history: History):  # type: ignore[no-untyped-def]
    def column(name: str, scale: float = 1.0) -> list[Point]:
        return [Point(build.AT + row["t"], row[name] * scale) for row in rows]

    batch = quantile([row["running"] / engines for row in rows], 0.95)
    one = {
        "kv": column("kv_cache_pct", 0.01),
        "waiting": column("waiting"),
        "running": column("running"),
        "gen_tps": column("gen_throughput"),
        "prefill_tps": column("prompt_throughput"),
        "eff_batch": build.reading("eff_batch", [Point(build.AT + rows[-1]["t"], batch)]),
        "preemptions": Absent("not recorded", for_good=True),
        "max_num_seqs": limit,
        "engines": engines,
    }
    return replace(build.snapshot(build.fleet(2, **one), history=history), at=build.AT + rows[-1]["t"])


def queue_from(found: tuple[Second, ...]) -> float:
    """When the queue came that stayed for ten seconds."""
    return next(one.at for n, one in enumerate(found) if all(later.waiting > 0 for later in found[n : n + 10]))


def stood(found: tuple[Second, ...], index: int) -> int:
    """For how many seconds requests have been waiting without a break."""
    return len(list(takewhile(lambda one: one.waiting > 0, reversed(found[: index + 1]))))


runs = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)


@runs
def test_the_first_warning_comes_before_the_queue(run: Run) -> None:
    """Before the queue, or with it: a refusal for a queue that is there is no forecast."""
    found = seconds(run)
    early = [one for one in found if one.warns and one.said.verdict.reason is not Reason.QUEUE_PRESSURE]
    first, queue = next(one for one in found if one.warns), queue_from(found)
    warned = early[0] if early and early[0].at < queue else None
    print(f"\n| {run.name} | {queue:.0f} s | {first.at:.0f} s, {first.said.verdict.reason} |", end="")
    print(f" {f'{warned.at:.0f} s, {warned.said.verdict.reason}' if warned else 'none'} | {longest(found)} s |", end="")
    assert (warned.said.verdict.reason if warned else None) == run.warned_by
    assert (queue - warned.at if warned else queue - first.at) == run.ahead


def longest(found: tuple[Second, ...]) -> int:
    """Seconds of the longest queue."""
    return max(stood(found, index) for index in range(len(found)))


@runs
def test_the_warning_stays_until_the_overload_is_over(run: Run) -> None:
    found = seconds(run)
    queue = queue_from(found)
    assert all(one.warns for one in found if one.at >= queue and one.waiting > 0)


@runs
def test_the_diagnosis_is_right_throughout(run: Run) -> None:
    """What binds is named from when a queue may be said to stand until it is gone, a full cache without one; until then
    nothing is named that does not bind. A queue that is gone sooner is never named, but refused all the same."""
    found = seconds(run)
    assert (longest(found) >= LASTS) == (run.binds is not None)
    assert {one.said.diagnosis.regime for one in found} <= {*UNDECIDED, *([run.binds] if run.binds else [])}
    assert [one.at for index, one in enumerate(found) if due(run, found, index) and not named(run, one)] == []


def due(run: Run, found: tuple[Second, ...], index: int) -> bool:
    full = run.binds is Regime.KV_CACHE_BOUND and found[index].at > queue_from(found) + 2
    return found[index].waiting > 0 and (full or stood(found, index) >= LASTS)


def named(run: Run, one: Second) -> bool:
    return one.said.diagnosis.regime is run.binds
