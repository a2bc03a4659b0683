"""Lists: everything at the start, and again now and then, which finds what a broken watch has missed.

They also say which kinds there are. kopf looks for new kinds once, when a CustomResourceDefinition changes; the API
server may tell of them seconds later, and then they would never be watched.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from scalewarden.app.world import CUSTOM, DISPENSABLE, OPTIONAL, TRIMMED, WATCHED, World
from scalewarden.sources.discovery import served
from scalewarden.sources.kubeapi import ApiError, KubeApi, Listing
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS, Resource

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
LOOK = 10.0
"""Seconds between two looks at which kinds there are: a small request, and one for each version that is there."""

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

    async def again(self, resource: Resource) -> None:
        """List a kind now; where that fails, say so."""
        try:
            await self._every(resource)
        except ApiError as error:
            log.warning("not listed: %s", error)

    async def look(self) -> None:
        """List kinds as soon as they are there, and notice when they are gone, again and again."""
        while True:
            await asyncio.sleep(LOOK)
            with suppress(ApiError):  # trouble is told by `run`
                there = await served(self.api, CUSTOM)
                for resource in CUSTOM:
                    if (resource in self.world.absent) == (resource in there):
                        await self._look_at(resource)

    async def _look_at(self, resource: Resource) -> None:
        with suppress(ApiError):  # it is gone
            await self._every(resource)

    async def _all(self) -> None:
        for resource in WATCHED:
            await self._every(resource)

    async def _every(self, resource: Resource) -> None:
        for namespace in self.namespaces if resource.namespaced and self.namespaces else ("",):
            await self._one(resource, namespace)

    async def _one(self, resource: Resource, namespace: str) -> None:
        try:
            listing = await self._listed(resource, namespace)
        except ApiError as error:
            if error.not_found and resource in CUSTOM:
                self._miss(resource, namespace)
                if resource in OPTIONAL:
                    return
            if error.forbidden and resource in DISPENSABLE:
                self._do_without(resource)
                return
            raise
        self.world.forbidden.discard(resource)
        self.world.absent.discard(resource)
        self.world.replace(resource, listing, namespace)

    async def _listed(self, resource: Resource, namespace: str) -> Listing:
        """A kind counts as served once discovery knows it: kopf watches nothing else."""
        listing = await self.api.list(resource, namespace, keep=TRIMMED.get(resource))
        if resource in self.world.absent and resource not in await served(self.api, (resource,)):
            raise ApiError("discovery does not know it yet", status=404, where=resource.path())
        return listing

    def _miss(self, resource: Resource, namespace: str) -> None:
        """Our own objects stay: an API server that starts may say for a moment that it knows no such kind."""
        self.world.absent.add(resource)
        if resource in OPTIONAL and self.world[resource].heard is not None:
            self.world.replace(resource, Listing((), ""), namespace)

    def _do_without(self, resource: Resource) -> None:
        if resource not in self.world.forbidden:
            log.warning("%s cannot be listed, so facts from them are missing: the role lacks it", resource.plural)
        self.world.forbidden.add(resource)
        self.world.absent.discard(resource)


def _is_about_us(error: ApiError) -> bool:
    return f"/apis/{INFERENCE_DEPLOYMENTS.group}/" in error.where
