"""How fast a behavior lets replicas go, and which of two lets them go faster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.autoscaler import ScalingPolicy, ScalingRules, Select
from scalewarden.rules.pace import loosened


def rules(*policies: tuple[str, float, float], wait: float | None = None, select: Select | None = None) -> ScalingRules:
    return ScalingRules(wait, select, tuple(ScalingPolicy(*policy) for policy in policies))


ONE_A_MINUTE = rules(("Pods", 1, 60))
DISABLED = rules(select=Select.DISABLED)
BOTH = (("Pods", 4, 60), ("Percent", 10, 60))


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (ONE_A_MINUTE, rules(("Pods", 2, 60)), "may remove 2 of 10 replicas at once, before it was 1"),
        (ONE_A_MINUTE, rules(("Pods", 1, 30)), "may remove 2 of 10 replicas within 60 s, before it was 1"),
        (ONE_A_MINUTE, rules(("Pods", 1, 50)), "may remove 2 of 10 replicas within 60 s, before it was 1"),
        (ONE_A_MINUTE, rules(("Pods", 5, 300)), "may remove 5 of 10 replicas at once, before it was 1"),
        (
            rules(("Percent", 10, 60)),
            rules(("Percent", 50, 60)),
            "may remove 5 of 10 replicas at once, before it was 1",
        ),
        (rules(*BOTH, select=Select.MIN), rules(*BOTH), "may remove 4 of 10 replicas at once, before it was 1"),
        (rules(("Pods", 2, 300)), rules(("Pods", 2, 200)), "may remove 4 of 10 replicas within 300 s, before it was 2"),
        (ONE_A_MINUTE, None, "may remove 10 of 10 replicas at once, before it was 1"),
        (DISABLED, ONE_A_MINUTE, "may remove replicas again: scale-down was disabled before"),
        (None, rules(wait=0.0), "waits 0 s before it removes replicas, before it was 300 s"),
        (rules(wait=301.0), None, "waits 300 s before it removes replicas, before it was 301 s"),
    ],
)
def test_the_first_thing_that_is_faster_is_named(before: ScalingRules, after: ScalingRules, what: str) -> None:
    assert loosened(before, after, 10) == what
    assert loosened(after, before, 10) == "", "the way back is slower"


def test_what_the_defaults_say_is_the_same_as_nothing() -> None:
    defaults = rules(("Percent", 100, 15), wait=300.0, select=Select.MAX)
    assert loosened(None, defaults, 10) == loosened(defaults, None, 10) == ""


BEHAVIORS = st.none() | st.builds(
    ScalingRules,
    st.none() | st.floats(0, 3600),
    st.none() | st.sampled_from(Select),
    st.lists(
        st.builds(ScalingPolicy, st.sampled_from(["Pods", "Percent"]), st.floats(0, 1e300), st.floats(0, 1e300)),
        max_size=3,
    ).map(tuple),
)


@given(BEHAVIORS, BEHAVIORS, st.integers(0, 100))
def test_of_two_behaviors_at_least_one_is_no_looser_in_its_first_respect(
    one: ScalingRules | None, other: ScalingRules | None, high: int
) -> None:
    assert loosened(one, one, high) == ""
    there, back = loosened(one, other, high), loosened(other, one, high)
    assert not (there and there == back)
