"""Writes verdict and findings on judged autoscalers and targets, and takes them off when nothing is said any more."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scalewarden.app.judging import Judged
from scalewarden.app.world import World
from scalewarden.judgement.evaluate import Evaluation
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import DEPLOYMENTS, HPAS, SCALED_OBJECTS, STATEFUL_SETS, Resource
from scalewarden.surfaces.annotations import Annotations, of_autoscaler, of_target, written

log = logging.getLogger(__name__)

Object = dict[str, Any]
Place = tuple[Resource, str, str]

MANAGER = "scalewarden-annotations"
_ANNOTATED = {one.kind: one for one in (HPAS, SCALED_OBJECTS, DEPLOYMENTS, STATEFUL_SETS)}
"""Targets of other kinds are left alone: they are read one by one, and nothing would clean up after us."""


@dataclass(slots=True)
class Annotator:
    """Applies annotations as a field manager of their own, so that taking them off touches nobody else's."""

    api: KubeApi
    world: World

    async def write(self, judged: Sequence[Judged]) -> None:
        """Bring all annotations up to date; where a service could not be judged, its namespace's stay as they are."""
        wanted = {place: text for one in judged for place, text in _wanted(one)}
        left_alone = {one.namespace for one in judged if one.evaluation is None}
        for place, text in wanted.items():
            await self._apply(place, text)
        for place in self._annotated() - wanted.keys():
            if place[1] not in left_alone:
                await self._apply(place, {})

    def _annotated(self) -> set[Place]:
        """Everything that carries annotations of ours."""
        return {
            (resource, obj["metadata"]["namespace"], obj["metadata"]["name"])
            for resource in _ANNOTATED.values()
            for obj in self.world[resource].all()
            if written(obj["metadata"].get("annotations") or {})
        }

    async def _apply(self, place: Place, text: Annotations) -> None:
        resource, namespace, name = place
        obj = self.world.get(resource, namespace, name)
        if obj is None or written(obj["metadata"].get("annotations") or {}) == text:
            return
        uid = obj["metadata"]["uid"]  # else apply would create what has just been deleted
        body = {"metadata": {"namespace": namespace, "name": name, "uid": uid, "annotations": text}}
        try:
            self.world.put(resource, await self.api.apply(resource, body, manager=MANAGER))
        except ApiError as error:
            if not (error.conflict or error.not_found):
                log.warning("%s not annotated: %s", resource.named(namespace, name), error)


def _wanted(one: Judged) -> Iterator[tuple[Place, Annotations]]:
    if one.evaluation is None or one.declared is None or not one.declared.policy.annotate:
        return
    yield from _on_autoscalers(one.evaluation)
    target = one.evaluation.snapshot.target
    if target.kind in _ANNOTATED:
        yield (_ANNOTATED[target.kind], one.namespace, target.name), of_target(one.evaluation)


def _on_autoscalers(evaluation: Evaluation) -> Iterator[tuple[Place, Annotations]]:
    for judged in evaluation.autoscalers:
        yield (_ANNOTATED[judged.kind], evaluation.snapshot.namespace, judged.name), of_autoscaler(judged)
