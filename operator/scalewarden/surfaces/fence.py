"""Entries of the ScaleFence: what the admission policies enforce, in the words of the ScaleFence's schema.

All are plain dictionaries as the API server takes them, ready for server-side apply.
"""

from math import ceil, floor
from typing import Any

from scalewarden.judgement.frontier import EXPLANATION, Frontier
from scalewarden.model.duration import rfc3339
from scalewarden.model.fence import AutoscalingEntry, FenceEntry
from scalewarden.model.policy import Mode, OnHold, Policy
from scalewarden.model.schema_constraint import StatusModel
from scalewarden.model.verdict import Reason
from scalewarden.rules.autoscaler.cpu_scaled_gpu_workload import RULE as CPU_SCALED
from scalewarden.surfaces.refusal import evidence, is_declared, one_line, refusal_text

Entry = dict[str, Any]

GRID = 300.0
"""Seconds to which a far expiry is rounded down, so that fresh evidence does not rewrite the fence at every look."""


def entry(frontier: Frontier | None, policy: Policy, max_mode: Mode, owner: str, now: float) -> Entry | None:
    """The floor under one target; None where nothing is refused (also outside Enforce, and once it has lapsed).

    owner is `<namespace>/<name>` of the InferenceDeployment; now is unix seconds.
    """
    if frontier is None or policy.mode.capped(max_mode) is not Mode.ENFORCE or frontier.expires_at <= now:
        return None
    nobody, autoscalers = _floors(frontier, policy)
    if not max(nobody, autoscalers):
        return None
    reason = frontier.reason if frontier.replicas else frontier.autoscaler_reason
    safe = frontier.autoscaler_replicas
    return _dump(
        FenceEntry(
            replicas=nobody,
            autoscaler_replicas=autoscalers,
            reason=reason,
            message=refusal_text(reason, safe, owner),
            autoscaler_reason=frontier.autoscaler_reason,
            autoscaler_message=refusal_text(frontier.autoscaler_reason, safe, owner),
            owner=_name(owner),
            expires_at=_expiry(frontier, reason, now),
        )
    )


def declared_minimum(replicas: int, owner: str) -> Entry:
    """The floor that is left when nobody looks any more: what the owner declared, without expiry."""
    reason = Reason.BELOW_MINIMUM
    text = refusal_text(reason, replicas, owner, EXPLANATION[reason])
    floors = {"replicas": replicas, "autoscaler_replicas": replicas}
    return _dump(FenceEntry(**floors, reason=reason, message=text, owner=_name(owner)))


def autoscaling_entry(policy: Policy, max_mode: Mode, owner: str, target: str, *, gpus: bool = True) -> Entry:
    """How an unsound autoscaler of a target is answered: not at all where it uses no GPUs.

    target is the fence key: an HPA names its target by kind, which tells a policy no resource.
    """
    text = f"Scalewarden: {CPU_SCALED.code}: {CPU_SCALED.summary} {CPU_SCALED.remedy} {evidence(owner)}"
    mode = policy.autoscaling.capped(max_mode) if gpus else Mode.OBSERVE
    return _dump(AutoscalingEntry(mode=mode, message=one_line(text), owner=_name(owner), target=target))


def _floors(frontier: Frontier, policy: Policy) -> tuple[int, int]:
    """A Hold raises the floor of those whom policy.onHold refuses; who refuses people refuses autoscalers too."""
    held = max(frontier.replicas, frontier.autoscaler_replicas)
    nobody = held if policy.on_hold_user is OnHold.REFUSE else frontier.replicas
    autoscalers = held if policy.on_hold_autoscaler is OnHold.REFUSE else nobody
    return nobody, autoscalers


def _expiry(frontier: Frontier, reason: str, now: float) -> str | None:
    if is_declared(reason) and is_declared(frontier.autoscaler_reason):
        return None
    near = frontier.expires_at - now <= 2 * GRID
    return rfc3339(ceil(frontier.expires_at) if near else floor(frontier.expires_at / GRID) * GRID)


def _name(owner: str) -> str:
    return owner.partition("/")[2]


def _dump(model: StatusModel) -> Entry:
    found: Entry = model.model_dump(by_alias=True, mode="json", exclude_none=True)
    return found
