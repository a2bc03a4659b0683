"""The ScaleFence of each namespace: one object, applied as a whole and only where it differs from what is there."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.app.judging import Judged
from scalewarden.app.settings import COMPONENT
from scalewarden.app.world import World
from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.duration import unix_seconds
from scalewarden.model.fence import FENCE_NAME
from scalewarden.model.policy import Mode
from scalewarden.rules.gpu_use import uses_gpus
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import SCALE_FENCES
from scalewarden.surfaces.fence import autoscaling_entry, entry

log = logging.getLogger(__name__)

Object = dict[str, Any]
Entries = dict[str, Object]

GUARD_LABEL, ENABLED = "scalewarden.dev/guard", "enabled"


@dataclass(slots=True)
class Plan:
    """What one namespace's fence should hold."""

    fences: Entries = field(default_factory=dict)
    autoscaling: Entries = field(default_factory=dict)

    @property
    def content(self) -> dict[str, Entries]:
        """As the object holds it."""
        return {"fences": self.fences, "autoscaling": self.autoscaling}


@dataclass(slots=True)
class Fences:
    """Plans and writes fences. max_mode is the administrator's ceiling."""

    api: KubeApi
    world: World
    max_mode: Mode
    _plans: dict[str, Plan] = field(default_factory=dict)

    def opted_in(self, namespace: str) -> bool:
        """True where the namespace has asked to be guarded."""
        return self.world.labels(namespace).get(GUARD_LABEL) == ENABLED

    def of(self, one: Judged) -> Object | None:
        """The entry that is in force for a service since the last `write`; None where nothing is refused."""
        plan = self._plans.get(one.namespace, Plan())
        return next((found for found in plan.fences.values() if found["owner"] == one.name), None)

    async def write(self, judged: Sequence[Judged], now: float) -> None:
        """Bring every namespace's fence up to date; one that cannot be written keeps what is there."""
        held = {obj["metadata"]["namespace"]: obj for obj in self.world[SCALE_FENCES].all() if _is_ours(obj)}
        self._plans = {}
        for namespace in sorted({one.namespace for one in judged} | held.keys()):
            mine = [one for one in judged if one.namespace == namespace]
            there = held.get(namespace, {})
            plan = self._plan(mine, there, now) if self.opted_in(namespace) else Plan()
            written = plan.content == _content(there) or await self._apply(namespace, plan, there)
            self._plans[namespace] = plan if written else Plan(**_content(there))

    def _plan(self, judged: Iterable[Judged], there: Object, now: float) -> Plan:
        plan = Plan()
        for one in judged:
            if one.evaluation is None:
                self._keep(plan, one, there, now)
            else:
                self._enter(plan, one, one.evaluation, now)
        return plan

    def _enter(self, plan: Plan, one: Judged, evaluation: Evaluation, now: float) -> None:
        if one.declared is None:
            return
        policy, target, owner = one.declared.policy, evaluation.snapshot.target, one.declared.key
        found = entry(evaluation.frontier, policy, self.max_mode, owner, now)
        if found is not None:
            plan.fences[target.key] = found
        gpus = bool(uses_gpus(evaluation.snapshot))
        answer = autoscaling_entry(policy, self.max_mode, owner, target.key, gpus=gpus)
        plan.autoscaling[f"{target.kind}/{target.name}"] = answer

    def _keep(self, plan: Plan, one: Judged, there: Object, now: float) -> None:
        """Of a service that could not be judged the last good entries stand, until they expire or glass is broken."""
        policy = one.declared.policy if one.declared else None
        content = _content(there)
        if policy is None or policy.enforces(self.max_mode, now):
            plan.fences |= {
                key: found
                for key, found in content["fences"].items()
                if found["owner"] == one.name and _lasts(found, now)
            }
        plan.autoscaling |= {key: found for key, found in content["autoscaling"].items() if found["owner"] == one.name}

    async def _apply(self, namespace: str, plan: Plan, there: Object) -> bool:
        """True where the object now holds the plan.

        Removals come first, as a merge patch: the janitor may own fields of an entry, and an apply that drops only
        our own would leave half of it, which the API server refuses.
        """
        filled = {
            name: entries for name, entries in plan.content.items() if entries
        }  # apply makes null of an empty map
        body = {"metadata": {"namespace": namespace, "name": FENCE_NAME}, **filled}
        try:
            patch = _removals(_content(there), plan.content)
            if patch:
                there = await self.api.merge(SCALE_FENCES, namespace, FENCE_NAME, patch, manager=COMPONENT)
            if _content(there) != plan.content:
                there = await self.api.apply(SCALE_FENCES, body, manager=COMPONENT)
        except ApiError as error:
            log.warning("fence of namespace %s not written: %s", namespace, error)
            return False
        self.world.put(SCALE_FENCES, there)
        return True


def _is_ours(obj: Object) -> bool:
    return bool(obj["metadata"]["name"] == FENCE_NAME)


def _content(obj: Object) -> dict[str, Entries]:
    return {"fences": obj.get("fences") or {}, "autoscaling": obj.get("autoscaling") or {}}


def _lasts(found: Object, now: float) -> bool:
    expires_at = found.get("expiresAt")
    return expires_at is None or now < unix_seconds(expires_at)


def _removals(there: dict[str, Entries], wanted: dict[str, Entries]) -> Object:
    """A merge patch that removes keys, and fields of entries, that are not wanted."""
    patch: Object = {}
    for name, entries in there.items():
        for key, found in entries.items():
            extra = dict.fromkeys(found.keys() - wanted[name].get(key, {}).keys())
            if key not in wanted[name]:
                patch.setdefault(name, {})[key] = None
            elif extra:
                patch.setdefault(name, {})[key] = extra
    return patch
