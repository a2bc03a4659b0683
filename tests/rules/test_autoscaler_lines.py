"""Rules about autoscalers, and conditions they share, on both sides of lines that no fixture stands on."""

from typing import Any

import pytest

from scalewarden.model.autoscaler import Autoscaler, ScalingPolicy, ScalingRules, Select, TargetType
from scalewarden.model.finding import Severity, Status
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Workload
from scalewarden.rules import catalogue, conditions, look
from scalewarden.rules.autoscaler import no_scale_down_behavior, unit_mismatch
from scalewarden.rules.topology import over_sharding
from tests.builders import external, fleet, gpu_workload, hpa, pods_metric, replica, resource, snapshot, trigger
from tests.rules.test_rules import CASES

LIMITS = Thresholds()
AVERAGE, VALUE = TargetType.AVERAGE_VALUE, TargetType.VALUE
ASC = [one for one in CASES if one.id and one.id.startswith("ASC") and not one.id.startswith("ASC609")]
"""ASC609 is about two of them, and names none."""


@pytest.mark.parametrize(("case", "check"), ASC)
def test_who_is_judged_is_named(case: Any, check: Any) -> None:
    """Whatever the answer is: a finding goes to the object that it names."""
    names = {f"{one.kind}/{one.name}" for one in case.snapshot.autoscalers}
    found = check(case.snapshot)
    if found.autoscaler is None:
        assert not names or not any(name in found.message for name in names)
    else:
        assert found.autoscaler in names


def pace(*policies: ScalingPolicy, low: int = 2, high: int | None = 8, **rules: Any) -> Autoscaler:
    return hpa(
        pods_metric("x"), min_replicas=low, max_replicas=high, scale_down=ScalingRules(policies=policies, **rules)
    )


def brake(autoscaler: Autoscaler, **more: Any) -> Any:
    return no_scale_down_behavior.check(snapshot(fleet(2), autoscalers=[autoscaler], **more))


def pods(value: float, period: float = 60.0) -> ScalingPolicy:
    return ScalingPolicy("Pods", value, period)


# ASC604 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high", "fires"), [(4, 3, False), (2, 2, False), (2, 3, False), (2, 4, True)])
def test_two_that_may_go_are_enough_to_ask_for_a_brake(low: int, high: int, fires: bool) -> None:
    assert brake(pace(low=low, high=high)).fired is fires


@pytest.mark.parametrize(
    ("stabilization", "severity"), [(299.0, Severity.WARNING), (300.0, Severity.INFO), (None, Severity.INFO)]
)
def test_a_window_under_dwell_slows_nothing(stabilization: float | None, severity: Severity) -> None:
    assert brake(pace(stabilization=stabilization)).severity is severity


@pytest.mark.parametrize(
    ("policy", "fires"),
    [
        (pods(2), True),  # 10 of 8 within 300 s
        (pods(1), False),  # 5 of 6
        (pods(3, 150.0), True),  # just the 6 that may go
        (pods(3, 151.0), True),
        (pods(5, 300.0), False),
        (ScalingPolicy("Percent", 50, 60.0), True),  # 8 → 4 → 2 → 1
        (ScalingPolicy("Percent", 10, 300.0), False),
    ],
)
def test_all_that_may_go_before_one_could_come_back(policy: ScalingPolicy, fires: bool) -> None:
    found = brake(pace(policy, stabilization=0.0))
    assert found.fired is fires
    if fires:
        assert found.message == (
            "HorizontalPodAutoscaler/llama-70b may remove 6 replicas within 300 s, before one could come back, "
            "and its stabilization is 0 s"
        )
        assert [(one.signal, one.value) for one in found.evidence] == [("replicas_that_may_go", 6.0)]


def test_of_several_policies_the_one_that_is_selected_counts() -> None:
    slow, fast = pods(1), pods(2)
    assert brake(pace(slow, fast, stabilization=0.0)).fired
    assert not brake(pace(slow, fast, stabilization=0.0, select=Select.MIN)).fired


def test_a_start_that_takes_longer_than_dwell_counts() -> None:
    assert not brake(pace(pods(1), stabilization=0.0)).fired
    assert brake(pace(pods(1), stabilization=0.0), cold_start=360.0).fired


# ASC607 -------------------------------------------------------------------------------------------------------------


def unit(*metrics: Any) -> Any:
    return unit_mismatch.check(snapshot(fleet(2), autoscalers=[hpa(*metrics)]))


@pytest.mark.parametrize(
    ("metric", "fires"),
    [
        (pods_metric("vllm:kv_cache_usage_perc", 1.0), False),
        (pods_metric("vllm:kv_cache_usage_perc", 1.01), True),
        (pods_metric("DCGM_FI_DEV_GPU_UTIL", 1.0), True),
        (pods_metric("DCGM_FI_DEV_GPU_UTIL", 1.5), False),
        (external("vllm:time_to_first_token_seconds", 100.0, VALUE), True),
        (external("vllm:time_to_first_token_seconds", 99.0, VALUE), False),
        (trigger(query="count(vllm:kv_cache_usage_perc > 0.8)", target=5.0, target_type=AVERAGE), False),
        (trigger(query="max(sum_over_time(vllm:kv_cache_usage_perc[5m]))", target=9.0, target_type=VALUE), False),
    ],
)  # fmt: skip
def test_a_target_on_each_side_of_its_range(metric: Any, fires: bool) -> None:
    assert unit(metric).fired is fires


# Conditions ---------------------------------------------------------------------------------------------------------


def test_pressure_is_true_however_it_shows() -> None:
    for kv in ([0.5] * 39 + [0.8, 0.8], [0.5] * 40 + [0.95], [0.70 + 0.004 * one for one in range(41)]):
        one = replica(kv=kv)
        cache = look.series(
            snapshot([one]), one.pod, next(iter(one.signals)), one.signals[next(iter(one.signals))], 600.0
        )
        found = conditions.kv_pressed(cache, LIMITS)
        assert found is not None and found.holds is True


def test_what_denies_is_told_before_what_is_not_known() -> None:
    unknown, denied, met = (
        conditions.Condition(holds, what) for holds, what in ((None, "?"), (False, "no"), (True, "yes"))
    )
    assert conditions.unmet([met, unknown, denied]) is denied
    assert conditions.unmet([met, unknown]) is unknown
    assert conditions.unmet([met]) is None


def test_without_a_tensor_parallel_size_nothing_is_over_sharded() -> None:
    found = over_sharding.check(snapshot(fleet(2), workload=Workload(image="vllm/vllm-openai")))
    assert found.status is Status.CLEAR
    both = over_sharding.check(snapshot(fleet(2), workload=gpu_workload(tensor_parallel_size=2)))
    assert found.message != both.message


def test_every_rule_about_autoscalers_is_clear_of_a_resource_metric_of_its_own() -> None:
    """A name that nobody knows accuses nobody."""
    own = hpa(external("team:pressure", 5.0), resource("storage"), min_replicas=2, max_replicas=3)
    for rule, check in catalogue.RULES:
        if rule.code.startswith("ASC"):
            assert not check(snapshot(fleet(2), autoscalers=[own])).fired, rule.code
