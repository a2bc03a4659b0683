"""Keeps PodDisruptionBudgets at the fence, one for each service that asks for it; nobody else's is ever touched."""

import logging
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from scalewarden.app.marking import INSTALL, MANAGER, Place
from scalewarden.model.policy import Way
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import DISRUPTION_BUDGETS
from scalewarden.sources.selectors import Selector
from scalewarden.surfaces.cooperation import MANAGED_BY, OURS, is_our_budget, same_budget

log = logging.getLogger(__name__)

Object = dict[str, Any]

FORBIDDEN = f"the operator may not write poddisruptionbudgets: {INSTALL.format(Way.DISRUPTION_BUDGET.field)}"


class Wanted(NamedTuple):
    """The budget as it should be, and the labels of the pods that it is for."""

    budget: Object
    pods: Sequence[Mapping[str, str]]


@dataclass(slots=True)
class Budgets:
    """namespaces: those that are watched, all where empty. Lists only where a budget is asked for or was written."""

    api: KubeApi
    namespaces: tuple[str, ...] = ()
    _holding: set[str] | None = None

    async def write(
        self, wanted: Mapping[Place, Wanted], asked: Set[str], left_alone: Set[str] = frozenset()
    ) -> dict[Place, str]:
        """Apply what differs and delete what is not wanted any more; those that cannot be written, with why.

        asked: namespaces of all services that ask for a budget, wanted now or not. left_alone: those of which nothing
        is known now; what is there stays.
        """
        if self._holding is None:
            self._holding = await self._left()
        again, problems = set(asked), dict[Place, str]()
        for namespace in sorted(self._holding | asked):
            mine = {place: one for place, one in wanted.items() if place.namespace == namespace}
            if keeps := namespace in left_alone:
                again.add(namespace)
            try:
                there = (await self.api.list(DISRUPTION_BUDGETS, namespace)).items
                problems |= await self._bring(there, mine, keeps=keeps)
            except ApiError as error:
                problems |= dict.fromkeys(mine, _told(error))
                again.add(namespace)
        self._holding = again
        return problems

    async def _left(self) -> set[str]:
        """Where a former operator left budgets; nowhere, where the role does not let us see any."""
        found: set[str] = set()
        for namespace in self.namespaces or ("",):
            try:
                listing = await self.api.list(DISRUPTION_BUDGETS, namespace, labels=f"{MANAGED_BY}={OURS}")
            except ApiError as error:
                if not error.forbidden:
                    log.warning("budgets of a former operator not listed: %s", error)
                continue
            found |= {obj["metadata"]["namespace"] for obj in listing.items}
        return found

    async def _bring(self, there: Iterable[Object], wanted: Mapping[Place, Wanted], *, keeps: bool) -> dict[Place, str]:
        found = {_place(obj): obj for obj in there}
        problems = {place: why for place, one in wanted.items() if (why := _in_the_way(place, one, found.values()))}
        for place, obj in found.items():
            stays = place in wanted.keys() - problems.keys() or (keeps and place not in wanted)
            if is_our_budget(obj) and not stays:
                await self.api.delete(DISRUPTION_BUDGETS, *place)
        for place in wanted.keys() - problems.keys():
            if place not in found or not same_budget(found[place], wanted[place].budget):
                await self.api.apply(DISRUPTION_BUDGETS, wanted[place].budget, manager=MANAGER)
        return problems


def _in_the_way(place: Place, wanted: Wanted, there: Iterable[Object]) -> str:
    """The API server evicts no pod that two budgets select: beside another one, ours would stop every drain."""
    for obj in there:
        if is_our_budget(obj):
            continue
        selector = obj["spec"].get("selector")
        everything = selector == {}
        if _place(obj) == place or any(everything or Selector.of(selector or {}).selects(pod) for pod in wanted.pods):
            name = obj["metadata"]["name"]
            remedy = f"delete it, or set {Way.DISRUPTION_BUDGET.field}: false"
            return f"PodDisruptionBudget {name} is there already: {remedy}"
    return ""


def _place(obj: Object) -> Place:
    return Place(obj["metadata"]["namespace"], obj["metadata"]["name"])


def _told(error: ApiError) -> str:
    if error.forbidden:
        return FORBIDDEN
    log.warning("disruption budget not written: %s", error)
    return error.message
