"""Writes what was judged: fences first, since status says what is enforced, then what follows them, status, events and
annotations.

Every write is made only where it changes something, and only by the leader.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.app.annotator import Annotator
from scalewarden.app.bypasses import Bypasses
from scalewarden.app.cooperation import Cooperation
from scalewarden.app.covering import Covering
from scalewarden.app.departures import Departures
from scalewarden.app.fences import Fences
from scalewarden.app.judging import Judged
from scalewarden.app.recorder import EventRecorder
from scalewarden.app.settings import COMPONENT
from scalewarden.app.unguarded import Unguarded
from scalewarden.app.world import World
from scalewarden.model.policy import Mode
from scalewarden.model.status import InferenceDeploymentStatus
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import HPAS, INFERENCE_DEPLOYMENTS, SCALED_OBJECTS
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.conditions import Stamp
from scalewarden.surfaces.cooperation import backs_off
from scalewarden.surfaces.coverage import LASTING
from scalewarden.surfaces.events import Subjects, standing, transitions
from scalewarden.surfaces.metrics import OperatorMetrics
from scalewarden.surfaces.status import Context, is_due, status_of, status_without, to_object

log = logging.getLogger(__name__)

Object = dict[str, Any]


@dataclass(slots=True)
class Publisher:
    """is_leader is asked before each turn's writes; max_mode is the administrator's ceiling."""

    api: KubeApi
    world: World
    recorder: EventRecorder
    metrics: OperatorMetrics
    max_mode: Mode
    fences: Fences
    annotator: Annotator
    cooperation: Cooperation
    bypasses: Bypasses = field(init=False)
    departures: Departures = field(init=False)
    unguarded: Unguarded = field(init=False)
    _complaints: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bypasses = Bypasses(self.api, self.recorder, self.fences)
        self.departures = Departures(self.recorder, self.max_mode)
        self.unguarded = Unguarded(Covering(self.api), self.recorder, self.fences)

    async def publish(self, judged: Sequence[Judged], now: float) -> None:
        """Everything that changed. What the API server refuses is logged, and tried again at the next turn."""
        await self.fences.write(judged, now)
        await self.cooperation.write(judged)
        subjects = [(one, _subjects(one)) for one in judged]
        await self.unguarded.look(subjects, now)
        for one, about in subjects:
            await self._status(one, about, now)
            await self.bypasses.look(one, about, now)
        self.bypasses.forget_all_but(judged)
        await self.departures.look(subjects)
        await self.annotator.write(judged)
        self.metrics.show((one.evaluation, self._floors(one)) for one in judged if one.evaluation)
        self.metrics.show_unguarded(self.unguarded.counts())
        await self.recorder.flush()

    def stand_by(self) -> None:
        """Say nothing of services: another operator does."""
        self.metrics.show(())
        self.bypasses.forget_all_but(())
        self.departures.forget()
        self.unguarded.forget()
        self.metrics.show_unguarded({})

    async def _status(self, one: Judged, about: Subjects, now: float) -> None:
        after = self._after(one, now)
        if is_due(one.before, after, now):
            if not await self._write(one, after):
                return
            for notice in transitions(one.before, after, about):
                await self.recorder.tell(notice)
        for notice in standing(after, about):
            await self.recorder.remind(notice)
        for text in self.cooperation.backing_off(one):
            say = self.recorder.tell if self.cooperation.is_news(one, text) else self.recorder.remind
            await say(backs_off(text, about))

    def _after(self, one: Judged, now: float) -> InferenceDeploymentStatus:
        stamp = Stamp(one.generation, now, one.before)
        key = f"{one.namespace}/{one.name}"
        context = Context(stamp, self._note(one), one.trouble, self.fences.of(one), key)
        if one.evaluation is not None:
            return status_of(one.evaluation, context)
        if one.problem is None:
            raise AssertionError("a service is judged, or there is a problem")
        return status_without(one.problem, context)

    def _note(self, one: Judged) -> str:
        """What the reader of Ready must know: why nothing is refused although the mode says so."""
        notes = []
        if not self.fences.opted_in(one.namespace):
            notes.append(f"nothing is refused: label namespace {one.namespace} with scalewarden.dev/guard=enabled")
        if one.declared and one.declared.policy.mode.level > self.max_mode.level:
            notes.append(f"mode {one.declared.policy.mode} is capped to {self.max_mode} by the operator's --max-mode")
        if one.declared and (glass := one.declared.break_glass_problem):
            notes.append(f"the break-glass annotations do not count: {glass}")
        gap = self.unguarded.of(one)
        if gap is not None and gap.why in LASTING:
            notes.append(gap.text)
        notes.extend(self.cooperation.backing_off(one))
        return "".join(f"; {note}" for note in notes)

    async def _write(self, one: Judged, after: InferenceDeploymentStatus) -> bool:
        """True where it was written."""
        body = {"metadata": {"namespace": one.namespace, "name": one.name}, "status": to_object(after)}
        key = f"status of {one.namespace}/{one.name}"
        try:
            written = await self.api.apply(INFERENCE_DEPLOYMENTS, body, manager=COMPONENT, subresource="status")
        except ApiError as error:
            if not error.not_found and self._complaints.get(key) != error.message:
                self._complaints[key] = error.message
                log.warning("%s not written: %s", key, error)
            return False
        self._complaints.pop(key, None)
        self.world.put(INFERENCE_DEPLOYMENTS, written)
        return True

    def _floors(self, one: Judged) -> dict[str, int]:
        entry = self.fences.of(one)
        return {"anyone": entry["replicas"], "autoscaler": entry["autoscalerReplicas"]} if entry else {}


def _subjects(one: Judged) -> Subjects:
    target = ref_of(one.service.found.object) if one.service else None
    return Subjects(ref_of(one.object), target, _autoscalers(one))


def _autoscalers(one: Judged) -> dict[str, Ref]:
    if one.evaluation is None:
        return {}
    kinds = {resource.kind: resource for resource in (HPAS, SCALED_OBJECTS)}
    return {
        f"{found.kind}/{found.name}": Ref(
            kinds[found.kind].api_version, found.kind, one.namespace, found.name, found.uid
        )
        for found in one.evaluation.snapshot.autoscalers
    }


def ref_of(obj: Object) -> Ref:
    """What an event needs to be about an object."""
    metadata = obj["metadata"]
    return Ref(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"], metadata.get("uid", ""))
