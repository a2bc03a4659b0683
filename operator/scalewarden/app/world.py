"""The objects of the cluster as plain dictionaries, kept up to date by watches and put right by lists."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scalewarden.sources.kubeapi import Listing
from scalewarden.sources.kuberesource import (
    DEPLOYMENTS,
    HPAS,
    INFERENCE_DEPLOYMENTS,
    INFERENCE_POOLS,
    NAMESPACES,
    NODES,
    OLD_INFERENCE_POOLS,
    PODS,
    SCALE_FENCES,
    SCALED_OBJECTS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)
from scalewarden.sources.nodes import trimmed
from scalewarden.sources.selectors import Selector

Object = dict[str, Any]

WATCHED = (
    INFERENCE_DEPLOYMENTS, SCALE_FENCES, DEPLOYMENTS, STATEFUL_SETS, HPAS, SCALED_OBJECTS, PODS, SERVICES, NAMESPACES,
    NODES, INFERENCE_POOLS, OLD_INFERENCE_POOLS,
)  # fmt: skip
POOLS = (INFERENCE_POOLS, OLD_INFERENCE_POOLS)
OPTIONAL = (SCALED_OBJECTS, *POOLS)
"""Kinds that a cluster may do without; they are watched from when they appear."""
CUSTOM = (INFERENCE_DEPLOYMENTS, SCALE_FENCES, *OPTIONAL)
"""Kinds that somebody installs, and may take away again."""
DISPENSABLE = (NODES, *POOLS)
"""Kinds that the operator's role may not let it read: it does without their facts."""
TRIMMED: Mapping[Resource, Callable[[Object], Object]] = {NODES: trimmed}
"""Kinds of which only a part is kept: a node is 20 KiB, most of it the names of images."""

JUDGED = (INFERENCE_DEPLOYMENTS, DEPLOYMENTS, STATEFUL_SETS, HPAS, SCALED_OBJECTS)
"""Kinds whose changed spec is judged at once, not at the next turn."""

_MOST_TOMBSTONES = 10_000


@dataclass(slots=True)
class Store:
    """One resource's objects by namespace and name.

    heard is when the API server last told anything of it, in the clock's seconds. Lists and watches arrive in any
    order: the higher resource version wins, and what was deleted does not come back.
    """

    objects: dict[str, dict[str, Object]] = field(default_factory=dict)
    heard: float | None = None
    _gone: dict[str, None] = field(default_factory=dict)

    def put(self, obj: Object) -> None:
        """A new or changed object."""
        metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
        held = self.objects.setdefault(metadata.get("namespace", ""), {})
        old = held.get(metadata["name"])
        if metadata.get("uid") in self._gone or (old is not None and _version(old) > _version(obj)):
            return
        held[metadata["name"]] = obj | {"metadata": metadata}

    def drop(self, obj: Object) -> None:
        """A deleted object; a new one of the same name stays."""
        metadata = obj["metadata"]
        held = self.objects.get(metadata.get("namespace", ""), {})
        self._gone[metadata.get("uid", "")] = None
        while len(self._gone) > _MOST_TOMBSTONES:
            self._gone.pop(next(iter(self._gone)))
        if held.get(metadata["name"], {}).get("metadata", {}).get("uid") == metadata.get("uid"):
            del held[metadata["name"]]

    def replace(self, listing: Listing, namespace: str = "") -> None:
        """Everything there was at the listing's version; what came later is kept."""
        listed = {obj["metadata"]["uid"] for obj in listing.items}
        asked = [namespace] if namespace else list(self.objects)
        for held in (self.objects.get(one, {}) for one in asked):
            for obj in list(held.values()):
                if obj["metadata"]["uid"] not in listed and _version(obj) <= _number(listing.resource_version):
                    del held[obj["metadata"]["name"]]
        for obj in listing.items:
            self.put(obj)

    def all(self) -> Iterator[Object]:
        """Every object."""
        for held in self.objects.values():
            yield from held.values()


@dataclass(slots=True)
class World:
    """What the operator knows of the cluster. clock gives monotonic seconds.

    news is set when somebody changed what a service, its target or its autoscaler is asked to be. forbidden are kinds
    that the role does not let us list, absent those that the API server does not serve, as far as is known.
    """

    clock: Callable[[], float] = time.monotonic
    news: asyncio.Event = field(default_factory=asyncio.Event)
    forbidden: set[Resource] = field(default_factory=set)
    absent: set[Resource] = field(default_factory=lambda: set(CUSTOM))
    stores: dict[Resource, Store] = field(default_factory=lambda: {resource: Store() for resource in WATCHED})

    def __getitem__(self, resource: Resource) -> Store:
        return self.stores[resource]

    def put(self, resource: Resource, obj: Object) -> None:
        """A new or changed object; `apiVersion` and `kind` are filled in."""
        store = self.stores[resource]
        store.heard = self.clock()
        metadata = obj["metadata"]
        old = self.get(resource, metadata.get("namespace", ""), metadata["name"])
        if resource in JUDGED and (old is None or old.get("spec") != obj.get("spec")):
            self.news.set()
        store.put({"apiVersion": resource.api_version, "kind": resource.kind} | kept(resource, obj))

    def drop(self, resource: Resource, obj: Object) -> None:
        """A deleted object."""
        store = self.stores[resource]
        store.heard = self.clock()
        store.drop(obj)

    def replace(self, resource: Resource, listing: Listing, namespace: str = "") -> None:
        """All objects of a resource (in one namespace), as just listed."""
        store = self.stores[resource]
        store.heard = self.clock()
        store.replace(listing, namespace)

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object, None where it is not there."""
        return self.stores[resource].objects.get(namespace, {}).get(name)

    def of(self, resource: Resource, namespace: str) -> list[Object]:
        """All objects of a namespace."""
        return list(self.stores[resource].objects.get(namespace, {}).values())

    def pods(self, namespace: str, selector: Selector) -> list[Object]:
        """The pods that a selector selects, by name."""
        found = [pod for pod in self.of(PODS, namespace) if selector.selects(pod["metadata"].get("labels") or {})]
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def kinds(self) -> frozenset[Resource]:
        """What can be watched now."""
        return frozenset(WATCHED) - self.forbidden - self.absent

    def labels(self, namespace: str) -> Mapping[str, str]:
        """The labels of a namespace."""
        found = self.get(NAMESPACES, "", namespace) or {"metadata": {}}
        return found["metadata"].get("labels") or {}

    def ages(self) -> dict[str, float]:
        """Seconds since the API server was last heard of each resource, by plural."""
        now = self.clock()
        ages: dict[str, float] = {}
        for one, store in self.stores.items():
            if store.heard is not None:  # two versions of one kind: that of the fresher one
                ages[one.plural] = min(now - store.heard, ages.get(one.plural, float("inf")))
        return ages


def kept(resource: Resource, obj: Object) -> Object:
    """The part of an object that is kept."""
    trim = TRIMMED.get(resource)
    return trim(obj) if trim else obj


def _version(obj: Object) -> int:
    return _number(obj["metadata"].get("resourceVersion", ""))


def _number(version: str) -> int:
    """Resource versions of one resource are ordered numbers; one that is not is taken for the newest."""
    return int(version) if version.isdecimal() else 2**63
