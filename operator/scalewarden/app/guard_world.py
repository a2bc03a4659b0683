"""What the guard keeps in memory, fed by watches: services, fences, autoscalers, and the operator's heartbeat."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import ValidationError

from scalewarden.errors import BadObject
from scalewarden.model.crd import API_VERSION, KIND, InferenceDeployment
from scalewarden.model.duration import unix_seconds
from scalewarden.model.fence import FENCE_NAME, ScaleFence
from scalewarden.sources.autoscalers import READERS
from scalewarden.sources.kubeapi import KubeApi
from scalewarden.sources.kuberesource import HPAS, INFERENCE_DEPLOYMENTS, LEASES, SCALE_FENCES, SCALED_OBJECTS, Resource
from scalewarden.sources.kubewatch import Gone, Listed, Lost, News, Put, follow
from scalewarden.sources.objects import target_of
from scalewarden.sources.workloads import child
from scalewarden.surfaces.admission_state import Guarded, GuardState, Ref
from scalewarden.surfaces.refusal import one_line

log = logging.getLogger(__name__)

Object = dict[str, Any]
Clock = Callable[[], float]
Change = Put | Gone

MANAGER = "scalewarden-guard"
"""The guard's name as a field manager and as a reporter of events."""
SILENT = 150.0
"""Seconds without a sign of life after which a watch counts as stale; the API server sends a bookmark each minute."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The operator's Lease: which version of it was seen, and when by our own clock (monotonic seconds).

    Only changes are timed: the clock that the operator writes into the Lease may be wrong.
    """

    version: str
    at: float


@dataclass(slots=True)
class GuardWorld:
    """The facts behind every answer. `lease` is (namespace, name) of the operator's Lease; clock is monotonic.

    synced is set once everything has been listed. skipped names the objects that could not be read.
    """

    state: GuardState
    lease: tuple[str, str]
    clock: Clock = time.monotonic
    versions: dict[str, str] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    heartbeat: Heartbeat = field(init=False)

    def __post_init__(self) -> None:
        self.heartbeat = Heartbeat("", self.clock())

    async def follow(self, api: KubeApi) -> None:
        """Keep everything up to date, for ever."""
        namespace, name = self.lease
        async with asyncio.TaskGroup() as group:
            for resource in (INFERENCE_DEPLOYMENTS, SCALE_FENCES, HPAS, SCALED_OBJECTS):
                group.create_task(self._keep(api, resource))
            group.create_task(self._keep(api, LEASES, namespace, f"metadata.name={name}"))

    def _forgetters(self) -> dict[Resource, Callable[[], None]]:
        """What a new list replaces."""
        autoscalers = self.state.autoscalers
        return {
            INFERENCE_DEPLOYMENTS: self.state.drop_services,
            SCALE_FENCES: self._drop_fences,
            HPAS: partial(autoscalers.drop_all, HPAS.kind),
            SCALED_OBJECTS: partial(autoscalers.drop_all, SCALED_OBJECTS.kind),
            LEASES: lambda: None,
        }

    def _stores(self) -> dict[Resource, Callable[[Change], None]]:
        return {
            INFERENCE_DEPLOYMENTS: self._describe,
            SCALE_FENCES: self._fence,
            HPAS: partial(self._autoscaler, HPAS.kind),
            SCALED_OBJECTS: partial(self._autoscaler, SCALED_OBJECTS.kind),
            LEASES: self._beat,
        }

    async def _keep(self, api: KubeApi, resource: Resource, namespace: str = "", fields: str = "") -> None:
        async for news in follow(api, resource, namespace, fields=fields):
            self.hear(resource, news)

    def hear(self, resource: Resource, news: News) -> None:
        """Take in one piece of news."""
        if isinstance(news, Lost):
            self._lose(resource, news)
            return
        self.lost.discard(resource.plural)
        self.heard[resource.plural] = self.clock()
        self._take_in(resource, news)
        if not self.problem():
            self.synced.set()

    def _take_in(self, resource: Resource, news: News) -> None:
        match news:
            case Listed(objects):
                self._forgetters()[resource]()
                self._forget_skipped(resource, objects)
                for obj in objects:
                    self._store(resource, Put(obj))
            case Put() | Gone():
                self._store(resource, news)

    def _forget_skipped(self, resource: Resource, objects: Sequence[Object]) -> None:
        """Those of this kind that are gone."""
        there = {_called(resource, obj) for obj in objects}
        self.skipped = {one for one in self.skipped if one in there or not one.startswith(f"{resource.kind} ")}

    def _drop_fences(self) -> None:
        self.state.fences.clear()
        self.versions.clear()

    def _store(self, resource: Resource, change: Change) -> None:
        """One object that nobody can read is skipped, and told once: anyone may write one."""
        name = _called(resource, change.object)
        try:
            self._stores()[resource](change)
        except Exception as error:  # whatever one object makes a reader raise must not end the answers for all others
            if name not in self.skipped:
                log.warning(
                    "%s is skipped, it cannot be read: %s: %s", name, type(error).__name__, one_line(str(error))
                )
            log.debug("traceback", exc_info=True)
            self.skipped.add(name)
        else:
            self.skipped.discard(name)

    def _lose(self, resource: Resource, news: Lost) -> None:
        """Without KEDA there are no ScaledObjects to watch, which is no trouble."""
        self.lost.add(resource.plural)
        if not (news.error.not_found and resource == SCALED_OBJECTS):
            log.warning("watch of %s lost: %s", resource.plural, news.error)

    def ages(self) -> dict[str, float]:
        """Seconds since each watch that has begun gave a sign of life, by plural."""
        now = self.clock()
        return {plural: now - at for plural, at in self.heard.items()}

    def problem(self) -> str:
        """Why answers cannot be trusted; empty where everything is known and fresh."""
        needed = [INFERENCE_DEPLOYMENTS.plural, SCALE_FENCES.plural, HPAS.plural]
        ages = self.ages()
        missing = [plural for plural in needed if plural not in ages]
        stale = [plural for plural in needed if ages.get(plural, 0.0) > SILENT]
        return "; ".join([f"{plural} not listed yet" for plural in missing] + [f"{plural} stale" for plural in stale])

    def operator_silent_for(self) -> float:
        """Seconds since the operator's Lease was last renewed; 0 while we cannot see the Lease ourselves."""
        return 0.0 if LEASES.plural in self.lost else self.clock() - self.heartbeat.at

    def _describe(self, change: Change) -> None:
        match change:
            case Put(obj):
                self.state.put(guarded_of(obj))
            case Gone(obj):
                self.state.drop(*_named(obj))

    def _fence(self, change: Change) -> None:
        match change:
            case Put(obj) if _named(obj)[1] == FENCE_NAME:
                self._keep_fence(obj)
            case Gone(obj) if _named(obj)[1] == FENCE_NAME:
                self.state.fences.pop(_named(obj)[0], None)
                self.versions.pop(_named(obj)[0], None)

    def _keep_fence(self, obj: Object) -> None:
        namespace = _named(obj)[0]
        try:
            self.state.fences[namespace] = ScaleFence.model_validate(obj)
            self.versions[namespace] = obj["metadata"]["resourceVersion"]
        except ValidationError as error:
            self.state.fences.pop(namespace, None)
            log.warning("ScaleFence %s/%s cannot be read: %s", namespace, FENCE_NAME, error.errors()[0]["msg"])

    def _autoscaler(self, kind: str, change: Change) -> None:
        match change:
            case Put(obj):
                read = READERS[kind](obj)
                self.state.autoscalers.put(ref_of(obj), (_named(obj)[0], read.target_kind, read.target_name))
            case Gone(obj):
                self.state.autoscalers.drop(ref_of(obj))

    def _beat(self, change: Change) -> None:
        version = change.object["metadata"]["resourceVersion"]
        if isinstance(change, Put) and version != self.heartbeat.version:
            self.heartbeat = Heartbeat(version, self.clock())


def guarded_of(obj: Object) -> Guarded:
    """An InferenceDeployment as admission needs it.

    One that cannot be read, since its schema is newer than this guard, still owns its fence: target and defaults.
    """
    try:
        found = InferenceDeployment.parse(obj)
    except BadObject as error:
        log.warning("guarded with defaults: %s", error)
        return Guarded(ref_of(obj), target_of(child(obj, "spec", "targetRef")), created=_created(obj))
    status, verdict = found.status, found.status.condition("ScaleDownSafe")
    reference = found.spec.target_ref.model_dump(by_alias=True)
    fence = status.fence
    return Guarded(
        ref=Ref(API_VERSION, KIND, found.namespace, found.name, found.metadata.uid),
        target=target_of(reference, status.target.partition("/")[0] if status.target else None),
        policy=found.policy,
        safe_replicas=status.safe_replicas,
        denied_below=fence.replicas if fence else None,
        reason=(fence and (fence.autoscaler_reason or fence.reason)) or (verdict.reason if verdict else ""),
        evaluated_at=_instant(status.last_evaluation_time),
        judged_replicas=status.replicas.desired if status.replicas else None,
        created=_created(obj),
    )


def ref_of(obj: Object) -> Ref:
    """What an event needs to be about an object."""
    metadata = obj["metadata"]
    return Ref(obj["apiVersion"], obj["kind"], metadata["namespace"], metadata["name"], metadata.get("uid", ""))


def _named(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _created(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp") or "")


def _called(resource: Resource, obj: Object) -> str:
    """Kind, namespace and name, whatever is left out of it."""
    metadata = child(obj, "metadata")
    return f"{resource.kind} {metadata.get('namespace', '')}/{metadata.get('name', '')}"


def _instant(text: str | None) -> float | None:
    try:
        return unix_seconds(text) if text else None
    except ValueError:
        return None
