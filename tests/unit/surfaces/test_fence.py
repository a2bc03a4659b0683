"""Entries of the ScaleFence and the text of refusals."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.judgement.frontier import Frontier
from scalewarden.model.duration import unix_seconds
from scalewarden.model.fence import FenceEntry
from scalewarden.model.policy import Mode, OnHold, Policy
from scalewarden.model.verdict import Reason, Test
from scalewarden.surfaces import fence
from scalewarden.surfaces.refusal import MOST_BYTES, one_line, refusal_text

NOW = 1_766_370_000.0
OWNER = "serving/llama-70b"


def frontier(replicas: int = 3, autoscalers: int = 4, expires_in: float = 3600.0, **changes: Any) -> Frontier:
    """Nobody below 3 for the KV cache, autoscalers not below 4 for stabilization."""
    whole: dict[str, Any] = {
        "replicas": replicas,
        "autoscaler_replicas": autoscalers,
        "reason": Reason.KV_CACHE_PRESSURE,
        "binding_test": Test.KV_CACHE_USAGE,
        "message": "",
        "expires_at": NOW + expires_in,
        "autoscaler_reason": Reason.STABILIZING,
        "autoscaler_message": "",
    }
    return Frontier(**{**whole, **changes})


def made(found: Frontier | None = None, policy: Policy | None = None, ceiling: Mode = Mode.ENFORCE) -> Any:
    """The entry."""
    return fence.entry(found or frontier(), policy or Policy(), ceiling, OWNER, NOW)


def test_an_entry_holds_both_floors_with_their_reasons() -> None:
    found = made()
    assert FenceEntry.model_validate(found).owner == "llama-70b"
    assert (found["replicas"], found["autoscalerReplicas"]) == (3, 4)
    assert (found["reason"], found["autoscalerReason"]) == ("KVCachePressure", "Stabilizing")
    assert found["message"] == (
        "Scalewarden: KVCachePressure: the KV cache of the replicas that stay would overflow; the safe count is 4. "
        "Evidence: kubectl describe infd llama-70b -n serving"
    )
    assert "not been safe for long enough; the safe count is 4" in found["autoscalerMessage"]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.WARN])
def test_only_enforce_makes_an_entry(mode: Mode) -> None:
    assert made(policy=Policy(mode=mode)) is None
    assert made(ceiling=mode) is None


def test_nothing_refused_or_lapsed_makes_none() -> None:
    assert fence.entry(None, Policy(), Mode.ENFORCE, OWNER, NOW) is None
    assert made(frontier(expires_in=0)) is None


@pytest.mark.parametrize(
    ("user", "autoscaler", "floors"),
    [
        (OnHold.WARN, OnHold.REFUSE, (3, 4)),
        (OnHold.WARN, OnHold.WARN, (3, 3)),
        (OnHold.ALLOW, OnHold.ALLOW, (3, 3)),
        (OnHold.REFUSE, OnHold.REFUSE, (4, 4)),
        (OnHold.REFUSE, OnHold.WARN, (4, 4)),
    ],
)
def test_a_hold_raises_the_floor_of_whom_the_policy_refuses(
    user: OnHold, autoscaler: OnHold, floors: tuple[int, int]
) -> None:
    found = made(policy=Policy(on_hold_user=user, on_hold_autoscaler=autoscaler))
    assert (found["replicas"], found["autoscalerReplicas"]) == floors


def test_a_hold_alone_refuses_autoscalers_only_or_nobody() -> None:
    held = frontier(0, 4, reason=Reason.STABILIZING)
    found = made(held)
    assert (found["replicas"], found["autoscalerReplicas"], found["reason"]) == (0, 4, "Stabilizing")
    assert made(held, Policy(on_hold_autoscaler=OnHold.WARN)) is None


@given(st.floats(601, 1e6))
def test_a_far_expiry_stays_the_same_while_evidence_renews_it(seconds: float) -> None:
    at = unix_seconds(made(frontier(expires_in=seconds))["expiresAt"])
    assert NOW + seconds - fence.GRID - 1 <= at <= NOW + seconds


def test_a_near_expiry_is_kept_to_the_second_and_never_in_the_past() -> None:
    assert unix_seconds(made(frontier(expires_in=42.2))["expiresAt"]) == NOW + 43


def test_a_declared_minimum_does_not_expire() -> None:
    found = made(frontier(2, 2, reason=Reason.BELOW_MINIMUM, autoscaler_reason=Reason.BELOW_MINIMUM))
    assert "expiresAt" not in found
    left = fence.declared_minimum(2, OWNER)
    assert "expiresAt" not in left
    assert (left["replicas"], left["autoscalerReplicas"], left["reason"]) == (2, 2, "BelowMinimum")


def test_autoscaling_carries_the_capped_mode_and_the_key_of_the_floor() -> None:
    def entry(policy: Policy, ceiling: Mode = Mode.ENFORCE, *, gpus: bool = True) -> dict[str, object]:
        return fence.autoscaling_entry(policy, ceiling, OWNER, "deployments/llama", gpus=gpus)

    assert entry(Policy())["mode"] == "Warn"
    enforced = entry(Policy(autoscaling=Mode.ENFORCE))
    assert (enforced["mode"], enforced["target"]) == ("Enforce", "deployments/llama")
    assert "ASC601" in str(enforced["message"])
    assert entry(Policy(autoscaling=Mode.ENFORCE), Mode.WARN)["mode"] == "Warn"
    without = entry(Policy(autoscaling=Mode.ENFORCE), gpus=False)
    assert (without["mode"], without["target"]) == ("Observe", "deployments/llama")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_makes_one_line_with_safe_count_and_command(reason: Reason) -> None:
    text = refusal_text(reason, 4, OWNER)
    assert "\n" not in text and len(text.encode()) <= MOST_BYTES
    assert f"{reason}: " in text and "safe count is 4" in text
    assert text.endswith("kubectl describe infd llama-70b -n serving")


@given(st.text(max_size=3000))
def test_one_line_is_short_and_whole(text: str) -> None:
    line = one_line(text)
    assert len(line.encode()) <= MOST_BYTES and len(line.splitlines()) <= 1
    assert line.isprintable()


def test_a_name_that_would_move_a_terminal_is_shown_harmless() -> None:
    assert one_line("eve\x1b[2J\x9b0m: scale\r\n4→2 \u202etxt") == "eve\ufffd[2J\ufffd0m: scale 4→2 \ufffdtxt"
