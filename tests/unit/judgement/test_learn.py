"""What a service teaches about itself, and what teaches nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.judgement.evaluate import evaluate
from scalewarden.judgement.learn import bucket_of, learn
from scalewarden.model.baseline import MOST_SAMPLES, ColdStart, Learned
from scalewarden.model.policy import Objectives, Policy
from scalewarden.model.signal import Absent, Point
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.verdict import Decision, Test
from scalewarden.model.workload import EngineState
from scalewarden.signals import windows
from scalewarden.signals.engines import LATE
from scalewarden.whatif.learned import itl_line, sustainable_tps, with_baseline
from tests import builders as build
from tests.unit.judgement.learning import EVERY, at_time, taught, worker

LIMITS = Thresholds()
DAY = 86_400.0


def mu(learned: Learned, at: float = build.AT + 3600) -> float | None:
    return sustainable_tps(learned, at, LIMITS)


# Saturated --------------------------------------------------------------------------------------------------------


def test_nineteen_samples_say_nothing_and_twenty_do() -> None:
    assert mu(taught(*[500.0] * 19)) is None
    assert mu(taught(*[500.0] * 20)) == 500.0


def test_sustainable_is_the_ninetieth_percentile() -> None:
    rates = [float(rate) for rate in range(410, 610, 10)]
    assert mu(taught(*rates)) == pytest.approx(windows.quantile(rates, 0.9))


def test_samples_are_taken_every_two_minutes_only() -> None:
    first = taught(500.0)
    again = learn(first, at_time(build.snapshot([worker(900.0)]), build.AT + EVERY - 1))
    assert again == first
    assert len(learn(first, at_time(build.snapshot([worker(900.0)]), build.AT + EVERY)).saturated) == 2


NOT_SATURATED: dict[str, dict[str, Any]] = {
    "the queue emptied once": {"waiting": [3, 3, 3, 0, 3, 3, 3, 3, 3, 3]},
    "data of a minute": {"over": 60.0},
    "cache full": {"kv": 0.90},
    "cache full for one sample": {"kv": [0.5] * 9 + [0.95] + [0.5] * 3},
    "preempting": {"preemptions": [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]},
    "preemptions not known": {"preemptions": None},
    "KV usage not known": {"kv": Absent("the scrape failed")},
    "stale": {"age": 61.0},
    "warming": {"ready_since": build.AT - 299},
    "restarted": {"restarted_at": build.AT - 500},
    "not ready": {"ready": False},
    "no token": {"tps": 0.0},
    "tokens not measured": {"tps": None},
    "stuck": {"tps": 0.0, "finish_rate": 0.0},
    "faster than anything": {"tps": 2e6},
}


@pytest.mark.parametrize("what", NOT_SATURATED.values(), ids=NOT_SATURATED.keys())
def test_what_gives_no_saturated_sample(what: dict[str, Any]) -> None:
    assert learn(None, build.snapshot([worker(**what)])).saturated == ()


def test_old_preemptions_do_not_spoil_a_sample() -> None:
    """The counter's series reaches back ten minutes; only the two of the sample matter."""
    counted = build.steps(*[0.0] * 10, *[5.0] * 31)
    assert len(learn(None, build.snapshot([worker(preemptions=counted)])).saturated) == 1


def test_an_engine_that_never_tells_kv_usage_or_preemptions_is_not_asked() -> None:
    never = Absent("not exported", for_good=True)
    assert len(learn(None, build.snapshot([worker(kv=never, preemptions=never)])).saturated) == 1


def test_tokens_that_are_counted_when_a_request_ends_say_nothing() -> None:
    late = build.reading("gen_tps", 500.0, source=min(LATE))
    learned = learn(None, build.snapshot([worker(late)]))  # type: ignore[arg-type]
    assert (learned.saturated, learned.batches) == ((), ())


def test_an_engine_that_sleeps_teaches_nothing() -> None:
    asleep = replace(worker(), engine_state=EngineState.ASLEEP)
    assert learn(None, build.snapshot([asleep])).saturated == ()


@pytest.mark.parametrize(
    ("itl", "count"),
    [
        (build.reading("itl_p95", 0.05, observations=100), 1),
        (build.reading("itl_p95", 0.09, observations=100), 0),
        (build.reading("itl_p95", 0.05, observations=19), 0),
        (Absent("not enough traffic"), 0),
    ],
)
def test_a_declared_itl_must_be_met_and_known_to_be(itl: Any, count: int) -> None:
    promised = Objectives(itl_p95=0.08)
    assert len(learn(None, build.snapshot([worker(itl_p95=itl)], objectives=promised)).saturated) == count


def test_a_week_later_a_sample_is_forgotten() -> None:
    learned = taught(*[500.0] * 20)
    assert mu(learned, build.AT + 7 * DAY - 1) == 500.0
    assert mu(learned, build.AT + 8 * DAY) is None
    assert taught(700.0, before=learned, start=build.AT + 8 * DAY).saturated == (Point(build.AT + 8 * DAY, 700.0),)


def test_the_newest_forty_eight_are_kept_and_whole_looks_go() -> None:
    assert [point.value for point in taught(*map(float, range(1, 101))).saturated] == list(map(float, range(53, 101)))
    learned = None
    for index in range(12):
        fleet = [worker(float(100 + number), pod=f"p{number}") for number in range(20)]
        learned = learn(learned, at_time(build.snapshot(fleet), build.AT + index * EVERY))
    assert learned is not None
    counts = {at: [point.at for point in learned.saturated].count(at) for at, _ in learned.saturated}
    assert set(counts.values()) == {8} and len(learned.saturated) == MOST_SAMPLES


def test_a_large_fleet_gives_lowest_highest_and_those_between() -> None:
    fleet = [worker(float(100 + number), pod=f"p{number}") for number in range(64)]
    rates = [point.value for point in learn(None, build.snapshot(fleet)).saturated]
    assert (len(rates), rates[0], rates[-1]) == (8, 100.0, 163.0) and rates == sorted(rates)


def test_one_liar_cannot_lift_what_is_sustained_beyond_ten_times_what_is_usual() -> None:
    learned = taught(*[500.0] * 20)
    assert taught(900_000.0, before=learned, start=build.AT + 3600).saturated[-1].value == 5000.0
    lies = taught(*[900_000.0] * 4, before=learned, start=build.AT + 3600)
    assert mu(lies, build.AT + 7200) is not None and (mu(lies, build.AT + 7200) or 0) <= 5000.0
    one = taught(900_000.0, before=taught(*[500.0] * 40), start=build.AT + 7200)
    assert mu(one, build.AT + 9000) == 500.0


# Calm -------------------------------------------------------------------------------------------------------------


def calm(tps: float = 800.0, **more: Any) -> Snapshot:
    return build.snapshot([worker(tps, waiting=0.0)], **more)


def test_what_a_calm_replica_did_is_sustained() -> None:
    learned = learn(taught(*[500.0] * 20), at_time(calm(), build.AT + 3600))
    assert mu(learned) == 800.0
    assert mu(learn(None, calm())) is None  # without saturated samples nothing is known


def test_each_day_keeps_its_highest_and_a_week_later_it_is_forgotten() -> None:
    learned = taught(*[500.0] * 20)
    for day, rate in enumerate((900.0, 700.0, 650.0)):
        for hour, share in ((0, 0.5), (1, 1.0), (2, 0.8)):
            learned = learn(learned, at_time(calm(rate * share), build.AT + day * DAY + hour * 1200 + 3000))
    assert [point.value for point in learned.calm] == [900.0, 700.0, 650.0]
    assert mu(learned, build.AT + 2 * DAY) == 900.0


NOT_CALM: dict[str, dict[str, Any]] = {
    "requests in the gateway": {"service": {"gateway_waiting": 1.0}},
    "the objective is missed": {
        "objectives": Objectives(ttft_p95=1.0),
        "service": {"ttft_p95": build.reading("ttft_p95", 1.1, observations=50)},
    },
    "the objective is not measured": {"objectives": Objectives(ttft_p95=1.0)},
}


@pytest.mark.parametrize("what", NOT_CALM.values(), ids=NOT_CALM.keys())
def test_what_is_not_calm(what: dict[str, Any]) -> None:
    assert learn(None, calm(**what)).calm == ()


def test_a_queue_on_another_replica_is_not_calm() -> None:
    other = build.replica(pod="b", waiting=[0, 0, 0, 0, 0, 0, 0, 1, 0, 0], ready_since=build.AT - 10)
    assert learn(None, build.snapshot([worker(800.0, waiting=0.0), other])).calm == ()


def test_an_implausible_calm_rate_counts_for_ten_times_what_is_usual() -> None:
    before = learn(None, calm(900_000.0))  # seen before anything is usual
    learned = taught(*[500.0] * 20, before=before, start=build.AT + EVERY)
    assert mu(learned) == 5000.0


# ITL --------------------------------------------------------------------------------------------------------------


def decoding(*batches: float, itl: Any = lambda batch: 0.02 + 0.001 * batch, **more: Any) -> Snapshot:
    running = build.steps(*batches)
    latency = tuple(Point(at, itl(batch)) for at, batch in running)
    return build.snapshot([worker(waiting=0.0, running=running, itl_mean=latency, **more)])


def test_a_line_is_fitted_over_all_looks() -> None:
    learned = learn(learn(None, decoding(*[4.0] * 20)), at_time(decoding(*[12.0] * 20), build.AT + 600))
    line = itl_line(learned, build.AT + 600, LIMITS)
    assert line is not None
    assert (line.slope, line.intercept) == (pytest.approx(0.001, rel=1e-3), pytest.approx(0.02, rel=1e-3))
    assert line.deviation == pytest.approx(0.0, abs=1e-4)
    assert (round(line.low), round(line.high)) == (4, 12)


def test_no_pair_counts_twice() -> None:
    first = learn(None, decoding(*[4.0, 12.0] * 20))
    assert first.itl is not None and first.itl.points == 40
    second = learn(first, replace(decoding(*[4.0, 12.0] * 20), at=build.AT + EVERY))
    assert second.itl == first.itl


@pytest.mark.parametrize(
    "snapshot",
    [decoding(*[4.0] * 40), decoding(4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5), decoding(*[4.0, 12.0] * 10)],
    ids=["one batch", "batches alike", "few points"],
)
def test_without_spread_or_points_there_is_no_line(snapshot: Snapshot) -> None:
    assert itl_line(learn(None, snapshot), build.AT, LIMITS) is None


def test_old_pairs_fade_by_half_a_day() -> None:
    slow = learn(None, decoding(*[4.0, 12.0] * 20, itl=lambda batch: 0.02 + 0.004 * batch))
    fast = at_time(decoding(*[4.0, 12.0] * 20), build.AT + DAY)
    line = learn(slow, fast).itl
    assert line is not None and line.points == pytest.approx(60)
    assert line.slope == pytest.approx((0.004 + 2 * 0.001) / 3, rel=1e-3)


def test_the_learned_line_predicts_where_the_window_cannot() -> None:
    """A steady batch of 8 has no slope of its own; one of two replicas less means a batch of 16."""
    learned = learn(None, decoding(*[4.0, 12.0] * 20))
    pods = [
        worker(waiting=0.0, kv=0.1, running=8.0, eff_batch=8.0, itl_mean=0.028, pod=f"llama-70b-{index}")
        for index in range(2)
    ]
    steady = build.snapshot(
        pods,
        objectives=Objectives(itl_p95=0.035),
        service={"itl_p95": build.reading("itl_p95", 0.028, observations=500)},
    )
    alone, helped = (evaluate(one, Policy()) for one in (steady, replace(steady, learned=learned)))
    found = [next(t for t in e.verdict.tests if t.test is Test.INTER_TOKEN_LATENCY) for e in (alone, helped)]
    assert [test.value for test in found] == [pytest.approx(0.028), pytest.approx(0.036, rel=1e-3)]
    assert [test.decision for test in found] == [Decision.ALLOW, Decision.DENY]


def test_the_windows_own_line_comes_before_the_learned_one() -> None:
    learned = learn(None, decoding(*[4.0, 12.0] * 20))
    own = replace(
        decoding(*[4.0, 12.0] * 20, itl=lambda batch: 0.02 + 0.002 * batch, eff_batch=12.0, kv=0.1),
        objectives=Objectives(itl_p95=1.0),
        signals=build.signals({"itl_p95": build.reading("itl_p95", 0.044, observations=500)}),
        learned=learned,
    )
    pair = replace(own, replicas=(own.replicas[0], replace(own.replicas[0], pod="b")), replicas_desired=2)
    test = next(t for t in evaluate(pair, Policy()).verdict.tests if t.test is Test.INTER_TOKEN_LATENCY)
    assert test.value == pytest.approx(0.044 + 0.002 * 12)


# Tokens/s by running requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("running", "bucket"), [(1, 1), (1.4, 1), (1.5, 2), (11, 8), (12, 16), (5000, 1024)])
def test_buckets_are_powers_of_two(running: float, bucket: int) -> None:
    assert bucket_of(running) == bucket


def test_tokens_per_gpu_are_told_apart_by_batch_with_the_requests_at_the_time() -> None:
    workload = build.gpu_workload(gpus_per_replica=4)
    sizes = {"input_tokens": 1000.0, "output_tokens": 200.0}
    pods = [worker(800.0, running=16.0, pod="a", **sizes), worker(200.0, waiting=0.0, running=2.0, pod="b", **sizes)]
    learned = learn(None, build.snapshot(pods, workload=workload))
    assert [(one.running, one.tps, one.points) for one in learned.batches] == [(2, 50.0, 1.0), (16, 200.0, 1.0)]
    assert {(one.input, one.output) for one in learned.batches} == {(1000.0, 200.0)}


def test_a_bucket_knows_mean_and_spread() -> None:
    learned = taught(*[400.0, 600.0] * 10)
    (bucket,) = learned.batches
    assert bucket.points == pytest.approx(20, rel=0.02)
    assert bucket.tps == pytest.approx(500, rel=0.01) and bucket.deviation == pytest.approx(100, rel=0.01)
    assert 600 < bucket.high < 660


def test_request_sizes_that_are_not_known_leave_those_that_were() -> None:
    known = taught(500.0, input_tokens=1000.0)
    (bucket,) = taught(500.0, before=known, start=build.AT + EVERY).batches
    assert (bucket.input, bucket.output) == (1000.0, None)


@pytest.mark.parametrize("what", [{"running": [0, 4] * 20}, {"running": 0.0}, {"preemptions": [0] * 5 + [1] * 5}])
def test_idle_or_preempting_replicas_fill_no_bucket(what: dict[str, Any]) -> None:
    assert learn(None, build.snapshot([worker(**what)])).batches == ()


def test_without_a_known_number_of_gpus_nothing_is_per_gpu() -> None:
    unknown = build.gpu_workload(gpus_per_replica=None)
    assert learn(None, build.snapshot([worker()], workload=unknown)).batches == ()


# What changes, and what stays -------------------------------------------------------------------------------------


CHANGES: dict[str, dict[str, Any]] = {
    "image": {"workload": build.gpu_workload(image="vllm/vllm-openai:v0.22.0")},
    "arguments": {"workload": build.gpu_workload(args=("--quantization", "fp8"))},
    "tensor parallel": {"workload": build.gpu_workload(tensor_parallel_size=2)},
    "batch limit": {"workload": build.gpu_workload(max_num_seqs=64)},
    "GPUs": {"workload": build.gpu_workload(gpus_per_replica=2)},
    "target": {"target": build.target(name="other")},
    "objectives": {"objectives": Objectives(itl_p95=0.1)},
}
START = ColdStart(build.AT - 5000, 90.0, "llama-70b-0")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_service_that_is_made_otherwise_begins_anew_but_starts_as_before(change: dict[str, Any]) -> None:
    base = build.gpu_workload(args=("--model", "m"), tensor_parallel_size=1, max_num_seqs=256)
    before = learn(None, build.snapshot([worker()], workload=base, cold_starts=(START,)))
    assert before.saturated
    changed = build.snapshot([worker()], **{"workload": base, **change})
    after = with_baseline(changed, before).learned
    assert after is not None
    assert (after.saturated, after.calm, after.itl, after.batches) == ((), (), None, ())
    assert after.cold_starts == (START,) and after.changed_at == build.AT
    assert learn(before, changed).saturated == ()  # the pods are older than the change


def test_what_is_not_known_now_is_no_change() -> None:
    product = build.gpu(model="NVIDIA L4")
    before = learn(None, build.snapshot([worker(gpus=[product])]))
    silent = learn(before, at_time(build.snapshot([worker()]), build.AT + EVERY))
    assert len(silent.saturated) == 2 and silent.fingerprint.products == ("NVIDIA L4",)
    other = learn(silent, at_time(build.snapshot([worker(gpus=[build.gpu(model="NVIDIA H100")])]), build.AT + 600))
    assert other.saturated == () and other.fingerprint.products == ("NVIDIA H100",)


def test_after_a_change_only_new_replicas_teach_until_the_rollout_is_over() -> None:
    changed = build.gpu_workload(image="vllm/vllm-openai:v0.22.0")
    before = learn(None, build.snapshot([worker()]))
    at = build.AT + EVERY
    after = learn(before, at_time(build.snapshot([worker()], workload=changed), at))
    young = worker(ready_since=at + 60)
    later = at + 600
    assert learn(after, at_time(build.snapshot([worker()], workload=changed), later)).saturated == ()
    assert len(learn(after, at_time(build.snapshot([young], workload=changed), later)).saturated) == 1
    assert len(learn(after, at_time(build.snapshot([worker()], workload=changed), at + 3600)).saturated) == 1


def test_the_owner_can_have_everything_forgotten_once_a_value() -> None:
    learned = with_baseline(build.snapshot([worker()], cold_starts=(START,)), taught(*[500.0] * 20)).learned
    assert learned is not None and learned.saturated
    forgotten = with_baseline(build.snapshot([worker()]), learned, "monday").learned
    assert forgotten is not None
    assert (forgotten.saturated, forgotten.cold_starts, forgotten.changed_at) == ((), (), None)
    again = learn(forgotten, build.snapshot([worker()]))
    kept = with_baseline(build.snapshot([worker()]), again, "monday").learned
    assert kept is not None and len(kept.saturated) == 1
    unset = with_baseline(build.snapshot([worker()]), kept, None).learned
    assert unset is not None and len(unset.saturated) == 1


def test_the_newest_five_starts_are_kept_and_a_later_readiness_is_none() -> None:
    starts = [ColdStart(build.AT + index, 60.0 + index, f"p{index}") for index in range(7)]
    learned = learn(None, build.snapshot([], cold_starts=tuple(starts[:3])))
    flapped = starts[0]._replace(seconds=900.0)
    learned = learn(learned, build.snapshot([], cold_starts=(flapped, *starts[3:])))
    assert learned.cold_starts == tuple(starts[2:])
    assert learned.slowest_start == 66.0


def test_the_slowest_start_that_is_measured_or_remembered_counts() -> None:
    learned = Learned(taught(1.0).fingerprint, build.AT, cold_starts=(START,))
    assert with_baseline(build.snapshot([worker()], cold_start=40.0), learned).cold_start == 90.0
    assert with_baseline(build.snapshot([worker()], cold_start=400.0), learned).cold_start == 400.0
    assert with_baseline(build.snapshot([worker()]), None).cold_start is None


def test_what_is_declared_comes_before_what_was_learned() -> None:
    learned = taught(*[500.0] * 20)
    at = build.AT + 3600
    declared = with_baseline(at_time(build.snapshot([worker()], sustainable_tps=900.0), at), learned)
    found = with_baseline(at_time(build.snapshot([worker()]), at), learned)
    assert (declared.sustainable_tps, declared.sustainable_learned) == (900.0, False)
    assert (found.sustainable_tps, found.sustainable_learned) == (500.0, True)


@pytest.mark.parametrize(("learned", "word"), [(True, "learned"), (False, "declared")])
def test_the_verdict_says_whether_it_rests_on_what_was_learned(learned: bool, word: str) -> None:
    fleet = build.fleet(4, kv=0.1, gen_tps=700.0)
    verdict = evaluate(build.snapshot(fleet, sustainable_tps=1000.0, sustainable_learned=learned), Policy()).verdict
    assert f"93% of its {word} sustainable tokens/s" in verdict.message


def test_a_clock_that_was_set_back_does_not_stop_learning() -> None:
    learned = taught(500.0, start=build.AT + DAY)
    assert [point.at for point in taught(600.0, before=learned).saturated] == [build.AT]


def test_the_evaluation_uses_what_was_known_before_it() -> None:
    evaluation = evaluate(build.snapshot([worker()]), Policy())
    assert evaluation.snapshot.learned is None
    assert len(evaluation.learned.saturated) == 1
