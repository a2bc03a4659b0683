"""What the installed admission looks at, and why a service is guarded by nothing of it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.events import Action, EventReason, Notice, Subjects
from scalewarden.surfaces.refusal import one_line

Object = Mapping[str, Any]

POLICY, WEBHOOK = "scalewarden-fence", "scalewarden-guard"
"""Names of the policy with its binding, and of the webhook's configuration, as the chart gives them."""
SCALE_WEBHOOK = "guard.scalewarden.dev"


class Why(StrEnum):
    """Why decreases of a service in mode Enforce pass."""

    MODE_CAPPED = "ModeCapped"
    NOT_OPTED_IN = "NamespaceNotOptedIn"
    GLASS_BROKEN = "GlassBroken"
    KIND_NOT_COVERED = "KindNotCovered"
    POLICY_MISSING = "PolicyMissing"


LASTING = frozenset({Why.KIND_NOT_COVERED, Why.POLICY_MISSING})
"""What is told also where an operator finds it at its start, and reminded of: nobody wants it so."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a service is unguarded, and what to do."""

    why: Why
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Groups and resources (`deployments`, `deployments/scale`) that one rule of admission matches."""

    groups: frozenset[str]
    resources: frozenset[str]

    def covers(self, group: str, resource: str) -> bool:
        """With the wildcards of admission rules."""
        part = f"*/{resource.partition('/')[2]}" if "/" in resource else "*"
        return bool({group, "*"} & self.groups) and bool({resource, part, "*/*"} & self.resources)


@dataclass(frozen=True, slots=True)
class Installed:
    """Rules of the policy and of the webhook; None where it is missing (a policy also without its binding)."""

    policy: tuple[Rule, ...] | None
    webhook: tuple[Rule, ...] | None

    def gap(self, group: str, plural: str) -> Gap | None:
        """What is missing for a target; None where the policy in the API server refuses for it."""
        if self.policy is None:
            also = "" if self.webhook else ", nor is its webhook there"
            rest = "with the guard gone nothing is refused" if self.webhook else "nothing is refused"
            text = f"the policy {POLICY} is not in force{also}: {rest}; install the chart again"
            return Gap(Why.POLICY_MISSING, text)
        if _covers(self.policy, group, plural):
            return None
        named = f"{plural}.{group}" if group else plural
        text = f"admission does not look at {named}: decreases pass; add it to the chart's value extraGuardedResources"
        return Gap(Why.KIND_NOT_COVERED, text)


def installed(policy: Object | None, binding: Object | None, webhook: Object | None) -> Installed:
    """From the objects as the API server returns them, None where one is not there."""
    constraints = _spec(policy).get("matchConstraints") or {}
    refuses = "Deny" in (_spec(binding).get("validationActions") or ())
    hooks = [hook for hook in (webhook or {}).get("webhooks") or () if hook.get("name") == SCALE_WEBHOOK]
    return Installed(
        _rules(constraints.get("resourceRules")) if policy and refuses else None,
        _rules(hooks[0].get("rules")) if hooks else None,
    )


def notices(gap: Gap, about: Subjects) -> Iterator[Notice]:
    """A risk on the service and its target, where the kind is not covered; else what the service has lost."""
    risk = gap.why is Why.KIND_NOT_COVERED
    reason, text = EventReason.GUARD_BYPASSED if risk else EventReason.GUARD_DEGRADED, one_line(gap.text)
    pairs: list[tuple[Ref, Ref | None]] = [(about.service, about.target)]
    if risk and about.target is not None:
        pairs.append((about.target, about.service))
    for regarding, related in pairs:
        yield Notice(reason, text, regarding, related, Action.SET_FENCE, warning=True, key=gap.why)


def _covers(rules: tuple[Rule, ...], group: str, plural: str) -> bool:
    """Both the object and its scale: a rule for the one is none for the other."""
    return all(any(rule.covers(group, one) for rule in rules) for one in (plural, f"{plural}/scale"))


def _spec(obj: Object | None) -> Object:
    return (obj or {}).get("spec") or {}


def _rules(found: object) -> tuple[Rule, ...]:
    listed = found if isinstance(found, list) else []
    return tuple(Rule(frozenset(one.get("apiGroups") or ()), frozenset(one.get("resources") or ())) for one in listed)
