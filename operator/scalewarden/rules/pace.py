"""How fast `behavior.scaleDown` lets replicas go, and whether an edit lets them go faster than before."""

from dataclasses import replace
from math import ceil

from scalewarden.model.autoscaler import ScalingPolicy, ScalingRules, Select

EVERYTHING = 100.0
"""Percent of a policy that holds nothing back."""
STABILIZATION = 300.0
"""Seconds that the HPA controller waits by default (--horizontal-pod-autoscaler-downscale-stabilization)."""
DEFAULT_POLICY = ScalingPolicy("Percent", EVERYTHING, 15.0)
"""What the API server fills in for scale-down: all of them, every 15 s."""
SPANS = ((1.0, "at once"), (60.0, "within 60 s"), (300.0, "within 300 s"))
"""Seconds over which two behaviors are compared: one period, a minute, and HPA's own stabilization."""


def gone(rules: ScalingRules, high: int, seconds: float) -> int:
    """How many of `high` replicas the policy that counts lets go in so many seconds."""
    counts = [_of_policy(policy, high, ceil(seconds / max(1.0, policy.period))) for policy in rules.policies]
    return (min if rules.select is Select.MIN else max)(counts)


def loosened(before: ScalingRules | None, after: ScalingRules | None, high: int) -> str:
    """What goes faster than before with `high` replicas, as a clause; empty where nothing does."""
    was, now = _in_force(before), _in_force(after)
    if now.select is Select.DISABLED:
        return ""
    if was.select is Select.DISABLED:
        return "may remove replicas again: scale-down was disabled before"
    for seconds, within in SPANS:
        more, less = gone(now, high, seconds), gone(was, high, seconds)
        if more > less:
            return f"may remove {more} of {high} replicas {within}, before it was {less}"
    longer, shorter = was.stabilization or 0.0, now.stabilization or 0.0
    return f"waits {shorter:.0f} s before it removes replicas, before it was {longer:.0f} s" if shorter < longer else ""


def _in_force(rules: ScalingRules | None) -> ScalingRules:
    """With what the API server and the HPA controller make of what is left out."""
    rules = rules or ScalingRules()
    wait = STABILIZATION if rules.stabilization is None else rules.stabilization
    return replace(rules, stabilization=wait, policies=rules.policies or (DEFAULT_POLICY,))


def _of_policy(policy: ScalingPolicy, high: int, periods: int) -> int:
    """An HPA rounds down what a percentage leaves."""
    if policy.type == "Pods":
        return int(min(high, policy.value * periods))
    left, share = high, min(1.0, policy.value / EVERYTHING)
    for _ in range(min(periods, high)):
        left = int(left * (1 - share))
    return high - left
