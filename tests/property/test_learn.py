"""What holds of learning, whatever a service shows."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.learn import learn
from scalewarden.model.baseline import (
    BUCKETS,
    LARGEST,
    MOST_DAYS,
    MOST_SAMPLES,
    MOST_STARTS,
    Bucket,
    ColdStart,
    Learned,
    Line,
    from_json,
    to_json,
)
from scalewarden.model.fingerprint import LONGEST, MOST_PRODUCTS, Fingerprint
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.verdict import Decision, Test, TestResult
from scalewarden.surfaces.baseline import baseline_status, learned_of
from scalewarden.whatif import predict
from scalewarden.whatif.case import case
from scalewarden.whatif.fleet import fleet
from scalewarden.whatif.learned import calm_tps, sustainable_tps, with_baseline
from tests import builders as build
from tests.strategies import baselines, snapshots

LIMITS = Thresholds()
AT = build.AT


@given(snapshot=snapshots(least=2), order=st.randoms())
def test_the_order_of_replicas_does_not_matter(snapshot: Snapshot, order: random.Random) -> None:
    shuffled = list(snapshot.replicas)
    order.shuffle(shuffled)
    assert learn(snapshot.learned, replace(snapshot, replicas=tuple(shuffled))) == learn(snapshot.learned, snapshot)


@given(snapshot=snapshots())
def test_the_same_look_teaches_once(snapshot: Snapshot) -> None:
    once = learn(snapshot.learned, snapshot)
    assert learn(once, snapshot) == once


@given(learned=baselines())
def test_json_gives_back_the_same(learned: Learned) -> None:
    assert from_json(to_json(learned)) == learned


@given(snapshot=snapshots())
def test_a_new_operator_knows_what_the_old_one_learned(snapshot: Snapshot) -> None:
    learned = learn(snapshot.learned, snapshot)
    status = baseline_status(learned, snapshot.at, LIMITS)
    again = learned_of(
        status.model_validate_json(status.model_dump_json(by_alias=True, exclude_none=True)), snapshot.at
    )
    assert again == learned


@given(learned=baselines())
def test_sustainable_is_never_below_what_a_calm_replica_did(learned: Learned) -> None:
    sustained = sustainable_tps(learned, AT, LIMITS)
    known = [one for one in learned.saturated if AT - one.at < LIMITS["learnForget"]]
    assert (sustained is None) == (len(known) < 20)
    if sustained is not None:
        assert sustained >= (calm_tps(learned, AT, LIMITS) or 0.0)


@given(learned=baselines(), share=st.floats(0, 3), count=st.integers(1, 10))
def test_more_saturated_samples_move_the_percentile_their_way(learned: Learned, share: float, count: int) -> None:
    learned = replace(learned, calm=())
    before = sustainable_tps(learned, AT, LIMITS)
    if before is None:
        return
    after = sustainable_tps(
        replace(learned, saturated=(*learned.saturated, *[Point(AT, before * share)] * count)), AT, LIMITS
    )
    assert after is not None
    assert after >= before if share >= 1 else after <= before


@settings(max_examples=60)
@given(snapshot=snapshots(least=2, sustainable_tps=None), rate=st.floats(1, 1e5), count=st.integers(1, 64))
def test_more_saturated_samples_never_excuse_another_test(snapshot: Snapshot, rate: float, count: int) -> None:
    """And tokens/s decide, for or against, only while nothing waits."""
    known = with_baseline(snapshot, snapshot.learned)
    assert known.learned is not None
    samples = (*known.learned.saturated, *[Point(snapshot.at, rate)] * count)
    taught = with_baseline(snapshot, replace(known.learned, saturated=samples))
    before, after = results(known), results(taught)
    for test, result in before.items():
        if test is not Test.THROUGHPUT:
            assert after[test] == result
    found = after.get(Test.THROUGHPUT)
    if found is not None and found.decision is Decision.DENY:
        assert nothing_waits(taught)


def results(snapshot: Snapshot) -> dict[Test, TestResult]:
    now = snapshot.replicas_desired
    intent = build.intent(now, now - 1)
    return {one.test: one for one in Judge(snapshot, (), Policy()).decide(intent).tests}


def nothing_waits(snapshot: Snapshot) -> bool:
    one = case(snapshot, fleet(snapshot), snapshot.replicas_desired - 1, build.intent(2, 1).actor)
    return predict.waiting_total(one) == 0


def test_after_ten_thousand_looks_it_is_as_small_as_ever() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw, learned, largest, at = random.Random(seed), None, 0, AT
    for index in range(10_000):
        at += draw.choice([60.0, 120.0, 600.0])
        learned = learn(learned, random_look(draw, at))
        if index % 100 == 0:
            largest = max(largest, size(learned, at))
    assert learned is not None and learned.saturated and learned.itl and learned.batches and learned.cold_starts
    assert 1000 < largest <= LARGEST


def random_look(draw: random.Random, at: float) -> Snapshot:
    pods = tuple(random_pod(draw, f"llama-70b-{draw.randrange(10**6)}", at) for _ in range(draw.randint(0, 3)))
    starts = tuple(ColdStart(float(int(at)), draw.uniform(30, 400), one.pod) for one in pods)
    return replace(build.snapshot(pods, cold_starts=starts), at=at)


def random_pod(draw: random.Random, name: str, at: float) -> Any:
    batch = 2 ** draw.uniform(0, 11)
    how: dict[str, Any] = {"over": 120.0, "every": 40.0, "age": AT - at}
    values: dict[str, Any] = {
        "waiting": draw.choice([0.0, 3.0]),
        "running": [batch, batch * 1.5, batch, batch],
        "gen_tps": draw.uniform(1, 1e5),
        "itl_mean": draw.uniform(0.001, 1.0),
        "preemptions": 0.0,
        "input_tokens": draw.uniform(1, 1e5),
        "output_tokens": draw.uniform(1, 1e5),
    }
    return build.replica(name, kv=draw.uniform(0, 1), **how, **values)


def size(learned: Learned, at: float) -> int:
    return len(baseline_status(learned, at, LIMITS).model_dump_json(by_alias=True, exclude_none=True).encode())


def test_the_largest_baseline_there_can_be_fits() -> None:
    """Every list full, every text and number as long as it gets."""
    text, number = "x" * LONGEST, 1.23456e-07
    make = Fingerprint(
        text, "TensorRTLLM", text, "0" * 12, 10**4, 10**6, 0.123456, 10**4, "1c.1g.10gb+me.all",
            "ttft=0.123456 itl=0.123456 e2e=123.456",
        tuple(f"{index}{text[1:]}" for index in range(MOST_PRODUCTS)), text,
    )  # fmt: skip
    learned = Learned(
        make,
        AT,
        AT,
        AT,
        saturated=(Point(AT, 0.00123),) * MOST_SAMPLES,
        calm=(Point(AT, 0.00123),) * MOST_DAYS,
        itl=Line(AT, *(number,) * 8),
        batches=tuple(Bucket(running, AT, *(number,) * 5) for running in BUCKETS),
        cold_starts=(ColdStart(AT, 1234.5, text),) * MOST_STARTS,
    )
    assert LARGEST * 0.6 < size(learned, AT) <= LARGEST
