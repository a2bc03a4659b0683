"""An API server small enough for tests of what is written, and when; the real one is in tests/cluster."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from scalewarden.sources.kubeapi import ApiError, Listing
from scalewarden.sources.kuberesource import Resource

Object = dict[str, Any]


class FakeApi:
    """Keeps objects and every write. `refuse` maps a method to the error that it raises."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.writes: list[tuple[str, str, Object]] = []
        self.refuse: dict[str, ApiError] = {}
        self._version = 0
        self._owned: dict[tuple[tuple[str, str, str], str], set[str]] = {}
        self._annotations: dict[tuple[tuple[str, str, str], str], set[str]] = {}

    async def find(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> Object | None:
        self._may("find")
        return copy.deepcopy(self.objects.get((resource.plural, namespace, name)))

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        found = await self.find(resource, namespace, name)
        if found is None:
            raise ApiError("not found", status=404)
        return found

    async def list(self, resource: Resource, namespace: str = "", *, fields: str = "", labels: str = "") -> Listing:
        """Of one kind; every field selector fits, and every label selector."""
        self._may("list")
        held = ((plural, space, obj) for (plural, space, _), obj in self.objects.items())
        fitting = [obj for plural, space, obj in held if plural == resource.plural and namespace in ("", space)]
        return Listing(tuple(copy.deepcopy(fitting)), str(self._version))

    async def create(self, resource: Resource, obj: Object, *, manager: str) -> Object:
        self._may("create")
        if _key(resource, obj) in self.objects:
            raise ApiError("already exists", status=409)
        return self._keep("create", resource, obj)

    async def replace(self, resource: Resource, obj: Object, *, manager: str) -> Object:
        self._may("replace")
        held = self.objects.get(_key(resource, obj))
        if held is None or held["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise ApiError("the object has been modified", status=409)
        return self._keep("replace", resource, obj)

    async def merge(
        self, resource: Resource, namespace: str, name: str, patch: Object, *, manager: str, subresource: str = ""
    ) -> Object:
        self._may("merge")
        held = self.objects.get((resource.plural, namespace, name))
        if held is None:
            raise ApiError("not found", status=404)
        if (
            patch.get("metadata", {}).get("resourceVersion", held["metadata"]["resourceVersion"])
            != (held["metadata"]["resourceVersion"])
        ):
            raise ApiError("the object has been modified", status=409)
        return self._keep("merge", resource, _merged(held, patch), patch)

    async def apply(
        self, resource: Resource, obj: Object, *, manager: str, subresource: str = "", force: bool = True
    ) -> Object:
        """Top-level fields are owned as a whole: those that this manager applied before and leaves out now go.

        Annotations are owned one by one, as far as managers of this API applied them.
        """
        self._may("apply")
        key = _key(resource, obj)
        held = self.objects.get(key, {"metadata": {"uid": "new"}})
        dropped = self._owned.get((key, manager), set()) - obj.keys()
        self._owned[key, manager] = {field for field in obj if field != "metadata"}
        kept = {field: value for field, value in held.items() if field not in dropped}
        kept |= {"apiVersion": resource.api_version, "kind": resource.kind}
        metadata = held["metadata"] | obj["metadata"]
        if "annotations" in obj["metadata"]:
            metadata["annotations"] = self._annotated(key, manager, held, obj["metadata"]["annotations"])
        return self._keep("apply", resource, kept | obj | {"metadata": metadata}, obj)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        self._may("delete")
        if self.objects.pop((resource.plural, namespace, name), None) is not None:
            self.writes.append(("delete", resource.plural, {"metadata": {"namespace": namespace, "name": name}}))

    def forget(self, plural: str, namespace: str, name: str) -> None:
        """As if an object had never been, with who owned what of it."""
        key = plural, namespace, name
        del self.objects[key]
        for owned in (self._owned, self._annotations):
            for one in [one for one in owned if one[0] == key]:
                del owned[one]

    def _annotated(self, key: tuple[str, str, str], manager: str, held: Object, applied: Object) -> Object:
        there = held["metadata"].get("annotations") or {}
        mine, self._annotations[key, manager] = self._annotations.get((key, manager), set()), set(applied)
        return {name: value for name, value in there.items() if name not in mine - applied.keys()} | applied

    def next_version(self) -> str:
        """One counter for all objects, as the real one has."""
        self._version += 1
        return str(self._version)

    def _may(self, method: str) -> None:
        if method in self.refuse:
            raise self.refuse[method]

    def _keep(self, method: str, resource: Resource, obj: Object, sent: Object | None = None) -> Object:
        self.writes.append((method, resource.plural, copy.deepcopy(sent or obj)))
        kept = copy.deepcopy(obj)
        kept["metadata"]["resourceVersion"] = self.next_version()
        self.objects[_key(resource, kept)] = kept
        return copy.deepcopy(kept)


def _key(resource: Resource, obj: Object) -> tuple[str, str, str]:
    return resource.plural, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _merged(held: Object, patch: Object) -> Object:
    out = copy.deepcopy(held)
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = _merged(out.get(key) or {}, value) if isinstance(value, dict) else value
    return out


@dataclass
class Clock:
    """Seconds that move only when a test moves them."""

    now: float

    def __call__(self) -> float:
        return self.now
