"""From `spec.targetRef` to the scaled object, its pods, and why there are none."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scalewarden.app.world import World
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_target import TargetRef
from scalewarden.sources.discovery import resources_of
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import DEPLOYMENTS, STATEFUL_SETS, Resource
from scalewarden.sources.selectors import Selector
from scalewarden.surfaces.conditions import Cause, Problem

Object = dict[str, Any]

DISCOVERED_FOR = 60.0
"""Seconds for which an answer of discovery is kept: kinds come and go rarely."""

_WATCHED = {"Deployment": DEPLOYMENTS, "StatefulSet": STATEFUL_SETS}


@dataclass(frozen=True, slots=True)
class Found:
    """The scaled object with its replica count in spec.replicas, its resource, and what selects its pods."""

    resource: Resource
    object: Object
    selector: Selector


@dataclass(frozen=True, slots=True)
class _Kind:
    """What discovery says of a kind: its resource, None where it is not served; whether it can be scaled."""

    resource: Resource | None
    scalable: bool
    at: float


@dataclass(slots=True)
class Targets:
    """Finds targets: Deployments and StatefulSets in the world, every other kind by reading it and its scale."""

    api: KubeApi
    world: World
    clock: Callable[[], float] = time.monotonic
    _kinds: dict[tuple[str, str], _Kind] = field(default_factory=dict)

    async def find(self, declared: InferenceDeployment) -> Found | Problem:
        """The target, or why it cannot be guarded."""
        reference, namespace = declared.spec.target_ref, declared.namespace
        watched = _WATCHED.get(reference.kind)
        if watched is None:
            return await self._read(reference, namespace)
        found = self.world.get(watched, namespace, reference.name)
        if found is None:
            return _missing(watched.named(namespace, reference.name))
        return Found(watched, found, Selector.of(found.get("spec", {}).get("selector") or {}))

    def resource(self, reference: TargetRef) -> Resource | None:
        """What a reference names, as far as it is known without asking."""
        known = self._kinds.get((reference.api_version, reference.kind))
        return _WATCHED.get(reference.kind) or (known.resource if known else None)

    async def _read(self, reference: TargetRef, namespace: str) -> Found | Problem:
        where = f"{reference.kind} {namespace}/{reference.name}"
        try:
            kind = await self._kind(reference)
            if kind.resource is None:
                what = f"{reference.api_version} {reference.kind} is not served by this cluster: check spec.targetRef"
                return Problem(Cause.TARGET_NOT_FOUND, what)
            if not kind.scalable:
                return _not_scalable(where)
            found = await self.api.find(kind.resource, namespace, reference.name)
            if found is None:
                return _missing(where)
            scale = await self.api.get(kind.resource, namespace, reference.name, "scale")
        except ApiError as error:
            return Problem(Cause.TARGET_UNREADABLE, f"{where} cannot be read: {error.message}")
        return _found(kind.resource, found, scale, where)

    async def _kind(self, reference: TargetRef) -> _Kind:
        key = (reference.api_version, reference.kind)
        known = self._kinds.get(key)
        if known is None or self.clock() - known.at > DISCOVERED_FOR:
            known = self._kinds[key] = await self._discover(reference)
        return known

    async def _discover(self, reference: TargetRef) -> _Kind:
        group, _, version = reference.api_version.rpartition("/")
        names = {one["name"]: one for one in await resources_of(self.api, reference.api_version)}
        plural = next((name for name, one in names.items() if one["kind"] == reference.kind and "/" not in name), None)
        resource = Resource(group, version, plural, reference.kind) if plural else None
        return _Kind(resource, f"{plural}/scale" in names, self.clock())


def _found(resource: Resource, found: Object, scale: Object, where: str) -> Found | Problem:
    selector = scale.get("status", {}).get("selector") or ""
    if not selector:
        what = f"the scale subresource of {where} names no pods: status.selector is empty"
        return Problem(Cause.TARGET_NOT_SCALABLE, what)
    replicas = scale.get("spec", {}).get("replicas", 0)  # the API leaves out a zero
    counted = found | {"spec": (found.get("spec") or {}) | {"replicas": replicas}}
    return Found(resource, counted, Selector.parse(selector))


def _missing(where: str) -> Problem:
    return Problem(Cause.TARGET_NOT_FOUND, f"{where} does not exist: create it, or correct spec.targetRef")


def _not_scalable(where: str) -> Problem:
    what = f"{where} has no scale subresource, so there is no replica count to guard: correct spec.targetRef"
    return Problem(Cause.TARGET_NOT_SCALABLE, what)
