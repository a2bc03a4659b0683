"""Takes down fences that nobody stands behind any more, since a policy in the API server has no clock.

An entry goes when it is past `expiresAt`, when its owner is gone, has a broken glass or no longer enforces, and when
the operator has been silent for too long. A declared minimum is left in its place: it needs no evidence.
Two guards may sweep at once: each write names the version that it read, and the slower one finds nothing to do.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scalewarden.app.guard_world import MANAGER, GuardWorld
from scalewarden.model.duration import unix_seconds
from scalewarden.model.fence import FENCE_NAME, FenceEntry, ScaleFence
from scalewarden.model.policy import Mode
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import SCALE_FENCES
from scalewarden.surfaces.admission_state import Guarded
from scalewarden.surfaces.fence import declared_minimum

log = logging.getLogger(__name__)

Changes = dict[str, dict[str, Any] | None]

SKEW = 10.0
"""Seconds past `expiresAt` before an entry goes: the operator's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Janitor:
    """Sweeps every `every` seconds. silent_after: seconds of operator silence that release fences.

    clock gives unix seconds.
    """

    api: KubeApi
    world: GuardWorld
    clock: Callable[[], float]
    every: float = 5.0
    silent_after: float = 100.0

    async def run(self) -> None:
        """Sweep for ever, but not before everything is known: an owner not yet listed is not an owner gone."""
        while True:
            if not self.world.problem():
                await self.sweep()
            await asyncio.sleep(self.every)

    async def sweep(self) -> None:
        """Look at every namespace's fence once, and whether the operator still stands behind its statuses."""
        silent = self.world.operator_silent_for() > self.silent_after
        self.world.state.operator_silent = silent
        for namespace, fence in list(self.world.state.fences.items()):
            owners, ceiling = self._owners(namespace, fence), self.world.state.max_mode
            changes = swept(fence, owners, self.clock(), silent=silent, ceiling=ceiling)
            if changes:
                await self._write(namespace, changes)

    def _owners(self, namespace: str, fence: ScaleFence) -> Mapping[str, Guarded]:
        described = self.world.state.described
        names = {one.owner for one in fence.fences.values()} | {one.owner for one in fence.autoscaling.values()}
        return {name: described[namespace, name] for name in names if (namespace, name) in described}

    async def _write(self, namespace: str, changes: Mapping[str, Changes]) -> None:
        version = self.world.versions.get(namespace)
        if version is None:  # deleted while we were writing elsewhere
            return
        patch = {"metadata": {"resourceVersion": version}, **changes}
        try:
            await self.api.merge(SCALE_FENCES, namespace, FENCE_NAME, patch, manager=MANAGER)
        except ApiError as error:
            if not (error.conflict or error.not_found):
                log.warning("fence of %s not swept: %s", namespace, error)
            return
        log.info("fence of %s swept: %s", namespace, ", ".join(key for part in changes.values() for key in part))


def swept(
    fence: ScaleFence, owners: Mapping[str, Guarded], now: float, *, silent: bool, ceiling: Mode = Mode.ENFORCE
) -> dict[str, Changes]:
    """What to change, as a merge patch of `fences` and `autoscaling`: None removes an entry; empty where all stands.

    owners: the namespace's InferenceDeployments by name. now is unix seconds; silent: the operator is;
    ceiling: the administrator's over every service's mode.
    """
    fences: Changes = {}
    for key, entry in fence.fences.items():
        owner = owners.get(entry.owner)
        enforces = owner is not None and owner.policy.mode.capped(ceiling) is Mode.ENFORCE
        left = _left(entry, owner if enforces else None, now, silent=silent)
        if left != entry:
            fences[key] = _as_patch(left, entry)
    orphans: Changes = {key: None for key, entry in fence.autoscaling.items() if entry.owner not in owners}
    return {name: changes for name, changes in (("fences", fences), ("autoscaling", orphans)) if changes}


def _left(entry: FenceEntry, owner: Guarded | None, now: float, *, silent: bool) -> FenceEntry | None:
    """What stays of an entry: itself, the declared minimum, or nothing."""
    if owner is None or owner.glass_broken(now):
        return None
    expired = entry.expires_at is not None and unix_seconds(entry.expires_at) + SKEW <= now
    if not (expired or silent):
        return entry
    minimum = owner.policy.min_replicas
    return FenceEntry.model_validate(declared_minimum(minimum, owner.owner)) if minimum else None


def _as_patch(left: FenceEntry | None, entry: FenceEntry) -> dict[str, Any] | None:
    """A merge patch keeps what it does not name: fields that are gone are named as null."""
    if left is None:
        return None
    before, after = (one.model_dump(by_alias=True, mode="json", exclude_none=True) for one in (entry, left))
    return {**dict.fromkeys(before), **after}
