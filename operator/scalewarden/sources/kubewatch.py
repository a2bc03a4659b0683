"""One collection, followed for ever: listed, watched, and listed anew whenever the watch is lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from scalewarden.sources.kubeapi import ApiError, KubeApi, Object
from scalewarden.sources.kuberesource import Resource

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
BETWEEN_WATCHES = 0.2  # a server that ends watches at once must not be asked in a busy loop


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything there is now: what is not among these objects is gone."""

    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """An object is new or has changed."""

    object: Object


@dataclass(frozen=True, slots=True)
class Gone:
    """An object was deleted; this was its last state."""

    object: Object


@dataclass(frozen=True, slots=True)
class Alive:
    """Nothing changed, the watch is alive (a bookmark)."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The API server did not answer or refused; it is asked again after `pause` seconds."""

    error: ApiError
    pause: float


News = Listed | Put | Gone | Alive | Lost


async def follow(
    api: KubeApi, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = ""
) -> AsyncIterator[News]:
    """The state of a collection and every change of it; never ends and never raises ApiError."""
    pause = FIRST_PAUSE
    while True:
        try:
            listing = await api.list(resource, namespace, labels=labels, fields=fields)
            yield Listed(listing.items)
            pause = FIRST_PAUSE
            async for news in _watched(api, resource, namespace, listing.resource_version, labels, fields):
                yield news
        except ApiError as error:
            if not error.expired:
                yield Lost(error, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _watched(
    api: KubeApi, resource: Resource, namespace: str, since: str, labels: str, fields: str
) -> AsyncIterator[News]:
    """Watch after watch, each from where the last one ended, until one fails."""
    while True:
        async for change in api.watch(resource, namespace, since=since, labels=labels, fields=fields):
            since = change.object.get("metadata", {}).get("resourceVersion") or since
            if change.type == "BOOKMARK":
                yield Alive()
            elif change.type == "DELETED":
                yield Gone(change.object)
            else:
                yield Put(change.object)
        await asyncio.sleep(BETWEEN_WATCHES)
