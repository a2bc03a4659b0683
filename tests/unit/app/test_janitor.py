"""What the janitor takes down, and what it leaves."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.app.janitor import SKEW, swept
from scalewarden.model.duration import rfc3339
from scalewarden.model.fence import ScaleFence
from scalewarden.model.policy import Mode, Policy
from scalewarden.surfaces.admission_state import Guarded
from scalewarden.surfaces.fence import autoscaling_entry, declared_minimum
from tests.unit.surfaces.admission_cases import NOW, OWNER, entry, guarded

KEY = "deployments/llama"


def sweep(
    fence: dict[str, Any], owner: Guarded | None = None, *, gone: bool = False, silent: bool = False
) -> dict[str, Any]:
    """What is changed in a namespace with this one entry, at NOW."""
    owners = {} if gone else {"llama": owner or guarded()}
    return swept(ScaleFence.model_validate({"fences": {KEY: fence}}), owners, NOW, silent=silent)


def expiring(seconds: float) -> dict[str, Any]:
    """An entry that expires so many seconds from now."""
    return entry(expiresAt=rfc3339(NOW + seconds))


def test_a_fence_in_force_stays() -> None:
    assert sweep(expiring(60)) == {}
    assert sweep(entry()) == {}


def test_an_expired_fence_goes_once_clocks_surely_agree() -> None:
    assert sweep(expiring(-SKEW + 1)) == {}
    assert sweep(expiring(-SKEW)) == {"fences": {KEY: None}}


def test_without_its_owner_or_behind_broken_glass_it_goes_at_once() -> None:
    assert sweep(expiring(60), gone=True) == {"fences": {KEY: None}}
    broken = guarded(policy=Policy(break_glass_until=NOW + 60, break_glass_reason="incident", min_replicas=2))
    assert sweep(expiring(60), broken) == {"fences": {KEY: None}}


def test_what_is_no_longer_enforced_goes_at_once() -> None:
    for mode in (Mode.WARN, Mode.OBSERVE):
        relaxed = guarded(policy=Policy(mode=mode, min_replicas=2))
        assert sweep(expiring(60), relaxed) == {"fences": {KEY: None}}
    fence = ScaleFence.model_validate({"fences": {KEY: expiring(60)}})
    assert swept(fence, {"llama": guarded()}, NOW, silent=False, ceiling=Mode.WARN) == {"fences": {KEY: None}}


@pytest.mark.parametrize("minimum", [None, 0])
def test_a_silent_operator_stands_behind_nothing(minimum: int | None) -> None:
    assert sweep(expiring(60), guarded(policy=Policy(min_replicas=minimum)), silent=True) == {"fences": {KEY: None}}


@pytest.mark.parametrize(("fence", "silent"), [(expiring(60), True), (expiring(-60), False), (entry(), True)])
def test_a_declared_minimum_is_left_in_its_place(fence: dict[str, Any], silent: bool) -> None:
    owner = guarded(policy=Policy(min_replicas=2))
    patch = sweep(fence, owner, silent=silent)["fences"][KEY]
    left = {key: value for key, value in patch.items() if value is not None}
    assert left == declared_minimum(2, OWNER)
    assert set(patch) == set(fence) | set(left), "a merge patch must name what is to go"
    assert sweep(left, owner, silent=True) == {}, "the second sweep finds nothing to do"


def test_autoscaling_entries_go_with_their_owner_only() -> None:
    answer = autoscaling_entry(Policy(), Mode.ENFORCE, OWNER, "deployments/llama")
    fence = ScaleFence.model_validate({"autoscaling": {"Deployment/llama": answer}})
    assert swept(fence, {"llama": guarded()}, NOW, silent=True) == {}
    assert swept(fence, {}, NOW, silent=False) == {"autoscaling": {"Deployment/llama": None}}


def test_each_entry_is_looked_at_for_itself() -> None:
    other = replace(guarded(), ref=replace(guarded().ref, name="qwen"))
    fence = ScaleFence.model_validate({"fences": {KEY: expiring(-60), "statefulsets/qwen": entry(owner="qwen")}})
    assert swept(fence, {"llama": guarded(), "qwen": other}, NOW, silent=False) == {"fences": {KEY: None}}
