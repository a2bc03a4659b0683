"""Sets and takes off one annotation that others define, on objects of one kind, and never over somebody else's."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scalewarden.app.world import World
from scalewarden.model.marks import Annotations, Mark
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import Resource
from scalewarden.sources.managedfields import manager_of_annotation

log = logging.getLogger(__name__)

Object = dict[str, Any]

MANAGER = "scalewarden-cooperate"
INSTALL = "install the chart with {}=true"


class Place(NamedTuple):
    """An object of a kind that is known from elsewhere."""

    namespace: str
    name: str


@dataclass(slots=True)
class Marking:
    """Applies `mark` as a field manager of its own."""

    api: KubeApi
    world: World
    resource: Resource
    mark: Mark
    _forbidden: set[Place] = field(default_factory=set)
    _managers: dict[tuple[Place, str], str] = field(default_factory=dict)

    async def write(self, wanted: Mapping[Place, str], left_alone: Set[str] = frozenset()) -> dict[Place, str]:
        """Bring every object to the value that is wanted, all others to none; those that cannot be, with why.

        left_alone: namespaces of which nothing is known now; what we set there stays.
        """
        kept = {place for place in self._marked() if place.namespace in left_alone}
        problems = {}
        for place in sorted((self._marked() - kept - self._forbidden) | wanted.keys()):
            obj = self.world.get(self.resource, *place)
            problem = await self._bring(place, obj, wanted.get(place)) if obj else ""
            if problem:
                problems[place] = problem
        return problems

    def _marked(self) -> set[Place]:
        return {place for place, annotations in self._annotated() if self.mark.marked(annotations)}

    def _annotated(self) -> Iterator[tuple[Place, Annotations]]:
        for obj in self.world[self.resource].all():
            yield Place(obj["metadata"]["namespace"], obj["metadata"]["name"]), _annotations(obj)

    async def _bring(self, place: Place, obj: Object, wanted: str | None) -> str:
        """Why it is not as wanted; empty where it is."""
        annotations = _annotations(obj)
        change = self.mark.change(annotations, wanted)
        problem = await self._apply(place, obj, change) if change is not None else ""
        if wanted is None:
            return ""
        return await self._taken(place, obj) if self.mark.foreign(annotations) else problem

    async def taken(self, places: Iterable[Place]) -> str:
        """Whose the annotation is on the first of these objects where it is not ours; empty where all are free."""
        for place in places:
            obj = self.world.get(self.resource, *place)
            if obj is not None and self.mark.foreign(_annotations(obj)):
                return await self._taken(place, obj)
        return ""

    async def _taken(self, place: Place, obj: Object) -> str:
        whose = f"{self.mark.key} of {self.resource.kind} {place.name} is set by {await self._manager(place, obj)}"
        return f"{whose}: take it out there, or set {self.mark.way.field}: false"

    async def _apply(self, place: Place, obj: Object, text: Annotations) -> str:
        uid = obj["metadata"]["uid"]  # else apply would create what has just been deleted
        body = {"metadata": {"namespace": place.namespace, "name": place.name, "uid": uid, "annotations": text}}
        try:
            written = await self.api.apply(self.resource, body, manager=MANAGER, force=False)
        except ApiError as error:
            return self._refused(place, error)
        self.world.put(self.resource, written)
        return ""

    def _refused(self, place: Place, error: ApiError) -> str:
        """What a person can do something about; the rest is tried again at the next turn."""
        if error.forbidden:
            self._forbidden.add(place)
            return f"the operator may not patch {self.resource.plural}: {INSTALL.format(self.mark.way.field)}"
        if not (error.conflict or error.not_found):
            log.warning("%s not annotated: %s", self.resource.named(*place), error)
        return ""

    async def _manager(self, place: Place, obj: Object) -> str:
        """Read once for each value that somebody else wrote: managers are not kept in memory."""
        key = place, _annotations(obj)[self.mark.key]
        if key not in self._managers:
            try:
                found = await self.api.find(self.resource, *place) or {}
            except ApiError:
                found = {}
            self._managers[key] = manager_of_annotation(found, self.mark.key) or "somebody else"
        return self._managers[key]


def _annotations(obj: Object) -> Annotations:
    return obj["metadata"].get("annotations") or {}
