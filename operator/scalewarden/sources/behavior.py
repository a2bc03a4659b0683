"""What HPAs and ScaledObjects have in common: how fast they may move, what their status and annotations say."""

from collections.abc import Mapping
from typing import Any

from scalewarden.model.autoscaler import ScalingPolicy, ScalingRules, Select
from scalewarden.sources.quantity import quantity
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

IGNORE = "scalewarden.dev/ignore"
_LONGEST = 64
_MOST = 32


def scaling_rules(behavior: Object, direction: str) -> ScalingRules | None:
    """`scaleDown` or `scaleUp` of a behavior; None where it is not written."""
    rules = child(behavior, direction)
    if not rules:
        return None
    selected = rules.get("selectPolicy")
    return ScalingRules(
        stabilization=quantity(rules.get("stabilizationWindowSeconds")),
        select=next((one for one in Select if one == selected), None),
        policies=tuple(policy for one in children(rules, "policies") if (policy := _policy(one)) is not None),
        tolerance=quantity(rules.get("tolerance")),
    )


def _policy(policy: Object) -> ScalingPolicy | None:
    value, period = quantity(policy.get("value")), quantity(policy.get("periodSeconds"))
    if value is None or period is None:
        return None
    return ScalingPolicy(str(policy.get("type", "")), value, period)


def count(value: object, default: int | None = None) -> int | None:
    """A whole number as an object writes it, else the default."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def conditions_of(obj: Object) -> dict[str, str]:
    """The conditions of a status: type → status."""
    found = children(child(obj, "status"), "conditions")[:_MOST]
    return {str(one.get("type", ""))[:_LONGEST]: str(one.get("status", ""))[:_LONGEST] for one in found}


def ignored(obj: Object) -> str | None:
    """The reason for which rules leave an autoscaler alone."""
    reason = child(obj, "metadata", "annotations").get(IGNORE)
    return None if reason is None else str(reason)
