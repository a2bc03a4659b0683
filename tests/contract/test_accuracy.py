"""The product's goals against a real server: decisions right, KV usage within 0.10 or rightly saturated."""

import pytest

from tools.docs.accuracy import (
    CASES,
    FULL,
    READINGS,
    Case,
    before,
    estimate,
    evaluation,
    foretold,
    measured,
    phases,
)

removals = pytest.mark.parametrize("case", CASES, ids=lambda case: case.recording)


@removals
def test_no_prediction_sees_what_it_is_held_against(case: Case) -> None:
    """A scrape of the phases after would hand the answer to the prediction."""
    after = [phase for phase in phases(case.recording) if phase["name"] in case.after]
    seen = before(case).instants
    assert len(seen) >= 10
    assert [at for at in seen for phase in after if phase["start"] <= at < phase["end"]] == []


@removals
def test_every_decision_is_right(case: Case) -> None:
    assert foretold(case).verdict.decision in case.right


@removals
def test_kv_usage_is_within_a_tenth_or_rightly_called_saturated(case: Case) -> None:
    expected, came = estimate(case), measured(case).kv
    assert abs(expected - came) <= 0.10 or (expected > 1 and came >= FULL)


@removals
def test_the_bound_is_never_below_what_came(case: Case) -> None:
    bound = foretold(case).verdict.predicted.kv_cache_usage
    assert bound is not None and bound >= min(1.0, measured(case).kv)


@removals
def test_the_queue_that_came_lies_within_the_range(case: Case) -> None:
    found = foretold(case).verdict.predicted.uncertainty.waiting_per_replica
    assert found is not None
    assert found.low <= measured(case).waiting <= found.high * 1.1  # a tenth: what fits varies with request lengths


@removals
def test_an_inter_token_latency_that_is_predicted_is_near_what_came(case: Case) -> None:
    predicted = foretold(case).verdict.predicted
    spread, came = predicted.uncertainty.inter_token_latency, measured(case).itl
    assert (predicted.inter_token_latency is None) == (spread is None)
    assert spread is None or spread.low <= came <= spread.high


@removals
def test_a_time_to_the_first_token_is_predicted_where_no_queue_came_and_near(case: Case) -> None:
    predicted, came = foretold(case).verdict.predicted, measured(case)
    assert (predicted.time_to_first_token is None) == (came.waiting > 0)
    assert predicted.time_to_first_token is None or abs(predicted.time_to_first_token - came.ttft) <= 0.1 * came.ttft


@pytest.mark.parametrize("name", READINGS)
def test_every_diagnosis_is_an_experts(name: str) -> None:
    assert evaluation(name).diagnosis.regime == READINGS[name][0]
