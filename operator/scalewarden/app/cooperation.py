"""Cooperates before anything is refused: pauses KEDA, orders pods for removal, keeps budgets; each only if asked for.

What somebody else wrote is left alone, and that is said in an event and in the condition Ready.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.app.budgets import Budgets, Wanted
from scalewarden.app.fences import Fences
from scalewarden.app.judging import Judged
from scalewarden.app.marking import INSTALL, Marking, Place
from scalewarden.app.world import World
from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.marks import COST, PAUSE
from scalewarden.model.policy import Mode, Way
from scalewarden.model.verdict import Decision
from scalewarden.sources.kubeapi import KubeApi
from scalewarden.sources.kuberesource import PODS, SCALED_OBJECTS
from scalewarden.sources.tree import child
from scalewarden.sources.workloads import pod_template_of
from scalewarden.surfaces.cooperation import BUDGETED, COSTED, budget, budget_name, deletion_costs, pauses

Object = dict[str, Any]
Service = tuple[str, str]

_COST = r"-?[0-9]{1,9}"

USELESS = {
    Way.POD_DELETION_COST: "only a Deployment's pods are removed by cost, this target is",
    Way.DISRUPTION_BUDGET: "only of Deployments and StatefulSets a replica is one pod, this target is",
}
NOTHING: frozenset[Way] = frozenset()


@dataclass(slots=True)
class Cooperation:
    """Writes after the fences, whose entries it follows. namespaces: those that are watched, all where empty.

    allowed: what the administrator lets services ask for.
    """

    api: KubeApi
    world: World
    fences: Fences
    namespaces: tuple[str, ...] = ()
    allowed: frozenset[Way] = frozenset(Way)
    _pausing: Marking = field(init=False)
    _ordering: Marking = field(init=False)
    _budgets: Budgets = field(init=False)
    _backing_off: dict[Service, dict[Way, str]] = field(default_factory=dict)
    _before: dict[Service, dict[Way, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pausing = Marking(self.api, self.world, SCALED_OBJECTS, PAUSE)
        self._ordering = Marking(self.api, self.world, PODS, COST)
        self._budgets = Budgets(self.api, self.namespaces)

    async def write(self, judged: Sequence[Judged]) -> None:
        """Bring everything up to date; a service that could not be judged keeps what its fence stands behind."""
        self._before, self._backing_off = self._backing_off, {}
        for one in judged:
            for way in self._wishes(one) - self.allowed:
                self._say(one, way, INSTALL.format(way.field))
            for way, problem in _of_no_use(one, self._asks(one)):
                self._say(one, way, problem)
        blind = {one.namespace for one in judged if one.evaluation is None and self._may_be_held(one)}
        await self._pause(judged, blind)
        await self._order(judged)
        await self._keep_budgets(judged, blind)

    def backing_off(self, one: Judged) -> list[str]:
        """What was asked for and is not done, with whose it is and what to do."""
        return list(self._backing_off.get((one.namespace, one.name), {}).values())

    def is_news(self, one: Judged, text: str) -> bool:
        """True where that was not so at the turn before."""
        return text not in self._before.get((one.namespace, one.name), {}).values()

    def _wishes(self, one: Judged) -> frozenset[Way]:
        """What its owner asks for; nothing outside of Enforce and of namespaces that opted in."""
        policy = one.declared.policy if one.declared else None
        if policy is None or not self.fences.opted_in(one.namespace):
            return NOTHING
        return policy.cooperate if policy.mode.capped(self.fences.max_mode) is Mode.ENFORCE else NOTHING

    def _asks(self, one: Judged) -> frozenset[Way]:
        return self._wishes(one) & self.allowed

    def _may_be_held(self, one: Judged) -> bool:
        return self.fences.of(one) is not None and (one.declared is None or self._asks(one) != NOTHING)

    async def _pause(self, judged: Sequence[Judged], blind: set[str]) -> None:
        wanted = {place: one for one in judged if PAUSE.way in self._asks(one) for place in self._paused(one)}
        problems = await self._pausing.write(dict.fromkeys(wanted, "true"), blind)
        for place, problem in problems.items():
            self._say(wanted[place], PAUSE.way, problem)

    def _paused(self, one: Judged) -> Iterator[Place]:
        if one.evaluation is None:
            return
        snapshot = one.evaluation.snapshot
        if pauses(self.fences.of(one), snapshot.replicas_desired):
            for found in snapshot.autoscalers:
                if found.kind == SCALED_OBJECTS.kind:
                    yield Place(one.namespace, found.name)

    async def _order(self, judged: Sequence[Judged]) -> None:
        of: dict[Place, Judged] = {}
        wanted: dict[Place, str] = {}
        for one in judged:
            if one.evaluation is not None and COST.way in self._asks(one):
                costs = await self._costs(one, one.evaluation)
                wanted |= costs
                of |= dict.fromkeys(costs, one)
        for place, problem in (await self._ordering.write(wanted)).items():
            self._say(of[place], COST.way, problem)

    async def _costs(self, one: Judged, evaluation: Evaluation) -> dict[Place, str]:
        """Of the pods that go first; of none, where somebody else orders any of them."""
        snapshot, verdict = evaluation.snapshot, evaluation.verdict
        if snapshot.target.kind not in COSTED or one.service is None:
            return {}
        if taken := await self._ordering.taken(sorted(Place(*key) for key in one.service.keys)):
            self._say(one, COST.way, taken)
            return {}
        if verdict.decision is not Decision.ALLOW:
            return {}
        costs = deletion_costs(snapshot, verdict.safe_replicas, _costs_of(one.service.pods))
        return {Place(one.namespace, pod): str(cost) for pod, cost in costs.items()}

    async def _keep_budgets(self, judged: Sequence[Judged], blind: set[str]) -> None:
        asking = [one for one in judged if Way.DISRUPTION_BUDGET in self._asks(one)]
        of = {Place(one.namespace, budget_name(one.name)): one for one in asking}
        wanted = {place: found for place, one in of.items() if (found := self._budget(one)) is not None}
        problems = await self._budgets.write(wanted, {one.namespace for one in asking}, blind)
        for place, problem in problems.items():
            self._say(of[place], Way.DISRUPTION_BUDGET, problem)

    def _budget(self, one: Judged) -> Wanted | None:
        entry = self.fences.of(one)
        if one.service is None or entry is None or not entry["replicas"]:
            return None
        target = one.service.found.object
        if target["kind"] not in BUDGETED:
            return None
        labels = [pod["metadata"].get("labels") or {} for pod in one.service.pods]
        template = child(pod_template_of(target), "metadata", "labels")
        return Wanted(budget(one.object, target["spec"]["selector"], entry["replicas"]), [template, *labels])

    def _say(self, one: Judged, way: Way, problem: str) -> None:
        """Once a way: all pods of one service have the same trouble."""
        told = self._backing_off.setdefault((one.namespace, one.name), {})
        told.setdefault(way, f"{way.field} backs off: {problem}")


def _costs_of(pods: Sequence[Object]) -> dict[str, int]:
    """The costs that we set, by pod."""
    found = {pod["metadata"]["name"]: COST.own(pod["metadata"].get("annotations") or {}) for pod in pods}
    return {name: int(cost) for name, cost in found.items() if cost is not None and re.fullmatch(_COST, cost)}


def _of_no_use(one: Judged, asks: frozenset[Way]) -> Iterator[tuple[Way, str]]:
    """What was asked for a target that it does nothing for, and why."""
    kind = one.service.found.object["kind"] if one.service else ""
    for way, kinds in ((COST.way, COSTED), (Way.DISRUPTION_BUDGET, BUDGETED)):
        if kind and way in asks and kind not in kinds:
            yield way, f"{USELESS[way]} a {kind}: set {way.field}: false"
