"""Takes off what a silent operator has arranged with others: a pause and a budget would outlive it, and nobody else
would end them. Deletion costs stay: they only order what is removed anyway.
"""

import asyncio
import logging
from dataclasses import dataclass

from scalewarden.app.guard_world import GuardWorld
from scalewarden.app.marking import MANAGER
from scalewarden.model.marks import PAUSE
from scalewarden.model.policy import Way
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import DISRUPTION_BUDGETS, SCALED_OBJECTS
from scalewarden.surfaces.cooperation import MANAGED_BY, OURS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Looks every `every` seconds whether the operator has been silent for silent_after seconds, as the janitor does.

    ways: what the administrator lets services ask for; nothing else can be there.
    """

    api: KubeApi
    world: GuardWorld
    ways: frozenset[Way]
    silent_after: float
    every: float = 5.0

    async def run(self) -> None:
        """For ever."""
        while True:
            if self.ways and not self.world.problem() and self.world.operator_silent_for() > self.silent_after:
                await self.sweep()
            await asyncio.sleep(self.every)

    async def sweep(self) -> None:
        """Once. What cannot be taken off now is tried again."""
        for way, withdraw in ((Way.PAUSE_SCALE_IN, self._unpause), (Way.DISRUPTION_BUDGET, self._delete_budgets)):
            try:
                if way in self.ways:
                    await withdraw()
            except ApiError as error:
                if not (error.not_found or error.conflict):
                    log.warning("%s of a silent operator not withdrawn: %s", way.field, error)

    async def _unpause(self) -> None:
        for obj in (await self.api.list(SCALED_OBJECTS)).items:
            metadata = obj["metadata"]
            if PAUSE.marked(metadata.get("annotations") or {}):
                named = {key: metadata[key] for key in ("namespace", "name", "uid")}
                await self.api.apply(SCALED_OBJECTS, {"metadata": named | {"annotations": {}}}, manager=MANAGER)
                log.info("ScaledObject %s/%s unpaused: the operator is silent", named["namespace"], named["name"])

    async def _delete_budgets(self) -> None:
        for obj in (await self.api.list(DISRUPTION_BUDGETS, labels=f"{MANAGED_BY}={OURS}")).items:
            namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
            await self.api.delete(DISRUPTION_BUDGETS, namespace, name)
            log.info("PodDisruptionBudget %s/%s deleted: the operator is silent", namespace, name)
