"""Lists: everything at the start, and again now and then, which finds what a broken watch has missed."""

import asyncio
import logging
from dataclasses import dataclass

from scalewarden.app.world import DISPENSABLE, OPTIONAL, TRIMMED, WATCHED, World
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS, Resource

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0

NOT_INSTALLED = (
    "waiting: this cluster does not know InferenceDeployments yet; `scalewarden crd | kubectl apply -f -` (or the Helm "
    "chart) installs them"
)


@dataclass(slots=True)
class Sync:
    """Lists what is watched, in the given namespaces or in all; every is in seconds."""

    api: KubeApi
    world: World
    namespaces: tuple[str, ...]
    every: float
    done: bool = False

    async def first(self) -> None:
        """Wait until the API server answers and knows our kinds, then list everything once."""
        pause, told = FIRST_PAUSE, ""
        while not self.done:
            try:
                await self._all()
                self.done = True
                return
            except ApiError as error:
                what = NOT_INSTALLED if error.not_found and _is_about_us(error) else f"waiting: {error}"
            if what != told:
                log.warning("%s", what)
            told = what
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def run(self) -> None:
        """List everything again and again."""
        while True:
            await asyncio.sleep(self.every)
            try:
                await self._all()
            except ApiError as error:
                log.warning("not listed: %s", error)

    async def _all(self) -> None:
        for resource in WATCHED:
            for namespace in self.namespaces if resource.namespaced and self.namespaces else ("",):
                await self._one(resource, namespace)

    async def _one(self, resource: Resource, namespace: str) -> None:
        try:
            listing = await self.api.list(resource, namespace, keep=TRIMMED.get(resource))
        except ApiError as error:
            if error.not_found and resource in OPTIONAL:
                return
            if error.forbidden and resource in DISPENSABLE:
                self._do_without(resource)
                return
            raise
        self.world.forbidden.discard(resource)
        self.world.replace(resource, listing, namespace)

    def _do_without(self, resource: Resource) -> None:
        if resource not in self.world.forbidden:
            log.warning("%s cannot be listed, so facts from them are missing: the role lacks it", resource.plural)
        self.world.forbidden.add(resource)


def _is_about_us(error: ApiError) -> bool:
    return f"/apis/{INFERENCE_DEPLOYMENTS.group}/" in error.where
