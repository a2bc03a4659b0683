"""One InferenceDeployment in one pass: read, found, judged, or why not."""

import logging
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from scalewarden.app.backfill import Backfill
from scalewarden.app.gather import Gatherer, Service
from scalewarden.app.targets import Targets
from scalewarden.errors import BadObject
from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.baseline import Learned
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_service import SourceChoice
from scalewarden.model.diagnosis import Regime
from scalewarden.model.duration import unix_seconds
from scalewarden.model.regret import Regret
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import DenyMemory, Diagnosed, History
from scalewarden.model.status import InferenceDeploymentStatus
from scalewarden.model.verdict import Reason, Test
from scalewarden.sources.assemble import assemble
from scalewarden.sources.kuberesource import Resource
from scalewarden.sources.objects import desired_of
from scalewarden.surfaces.baseline import learned_of
from scalewarden.surfaces.conditions import Cause, Problem, Trouble
from scalewarden.surfaces.regret import refused_of, regret_of

log = logging.getLogger(__name__)

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one pass knows of one InferenceDeployment; `object` is as the API server returns it.

    declared is None where it cannot be read, service where its target was not found; there is either an evaluation
    or a problem once it was judged. before is the status that was last written. resource is the target's, None where
    its kind is not served.
    """

    object: Object
    before: InferenceDeploymentStatus
    declared: InferenceDeployment | None = None
    service: Service | None = None
    evaluation: Evaluation | None = None
    problem: Problem | None = None
    trouble: Trouble = Trouble()
    resource: Resource | None = None

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.object["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.object["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Its uid: a new object of the same name has no history."""
        return str(self.object["metadata"]["uid"])

    @property
    def generation(self) -> int:
        """Generation of its spec."""
        return int(self.object["metadata"].get("generation", 0))


@dataclass(slots=True)
class Judging:
    """Looks at services and judges them, with history and baseline of each. defect is called for an error of ours.

    backfill teaches baselines from what Prometheus kept, where there is one.
    """

    targets: Targets
    gatherer: Gatherer
    defect: Callable[[], None]
    backfill: Backfill | None = None
    _histories: dict[str, History] = field(default_factory=dict)
    _learned: dict[str, Learned] = field(default_factory=dict)

    async def look(self, objects: Iterable[Object]) -> list[Judged]:
        """Read them and find their targets; of two that name one target the older one has it."""
        owners: dict[tuple[str, str, str], str] = {}
        looked = []
        for obj in sorted(objects, key=_age):
            try:
                one = await self._look(obj, owners)
            except Exception as error:  # noqa: BLE001 - what is in one object must not stop the others
                one = self._met(Judged(obj, _status(obj)), error)
            looked.append(one)
        return looked

    def judge(self, looked: Judged, now: float) -> Judged:
        """With an evaluation, or with the problem that kept it from one. `now` is unix seconds."""
        if looked.problem is not None or looked.service is None:
            return looked
        try:
            return self._judge(looked, looked.service, now)
        except Exception as error:  # noqa: BLE001 - a defect met in one service must not stop the others
            return self._met(looked, error)

    def _met(self, looked: Judged, error: Exception) -> Judged:
        self.defect()
        what = f"a defect in Scalewarden, please report it: {_met(error)}"
        log.warning("%s/%s: %s", looked.namespace, looked.name, what)
        log.debug("traceback", exc_info=True)
        return replace(looked, problem=Problem(Cause.INTERNAL_ERROR, what))

    def forget_all_but(self, judged: Iterable[Judged]) -> None:
        """Drop history and baseline of what was deleted."""
        there = {one.uid for one in judged}
        if self.backfill is not None:
            self.backfill.forget_all_but(there)
        self._learned = {uid: learned for uid, learned in self._learned.items() if uid in there}
        self._histories = {uid: history for uid, history in self._histories.items() if uid in there}

    async def _look(self, obj: Object, owners: dict[tuple[str, str, str], str]) -> Judged:
        looked = Judged(obj, _status(obj))
        try:
            declared = InferenceDeployment.parse({key: value for key, value in obj.items() if key != "status"})
        except BadObject as error:
            hint = f": {error.hint}" if error.hint else ""
            return replace(looked, problem=Problem(Cause.INVALID_SPEC, f"{error}{hint}"))
        looked = replace(looked, declared=declared)
        reference = declared.spec.target_ref
        owner = owners.setdefault((declared.namespace, reference.kind, reference.name), declared.name)
        if owner != declared.name:
            what = f"{reference.kind}/{reference.name} is guarded by the older InferenceDeployment {owner}: delete one"
            return replace(looked, problem=Problem(Cause.TARGET_TAKEN, what))
        found = await self.targets.find(declared)
        looked = replace(looked, resource=self.targets.resource(reference))
        if isinstance(found, Problem):
            return replace(looked, problem=found)
        return replace(looked, service=self.gatherer.service(declared, found))

    def _judge(self, looked: Judged, service: Service, now: float) -> Judged:
        facts = self.gatherer.facts(service)
        if isinstance(facts, Problem):
            return replace(looked, problem=facts)
        history = self._histories.get(looked.uid) or remembered(looked.before, now, service)
        history = replace(history, refused=refused_of(looked.before.decisions))
        learned = self._known(looked, service, now)
        snapshot = assemble(service.declared, facts, at=now, history=history, learned=learned)
        evaluation = evaluate(snapshot, service.declared.policy)
        self._histories[looked.uid] = evaluation.history
        self._learned[looked.uid] = evaluation.learned
        if self.backfill is not None:
            self.backfill.look(looked.uid, looked.namespace, service.pods, evaluation.snapshot)
        return replace(looked, evaluation=evaluation, trouble=self.gatherer.trouble(service))

    def _known(self, looked: Judged, service: Service, now: float) -> Learned | None:
        """What was learned, here or by a predecessor; what history taught of a service that is new to both."""
        learned = self._learned.get(looked.uid) or learned_of(looked.before.baseline, now)
        if self.backfill is None:
            return learned
        if learned is not None:
            return self.backfill.take(looked.uid, learned)
        if self.gatherer.source_of(service.declared) is SourceChoice.PROMETHEUS:
            self.backfill.meet(looked.uid)
        return None


def _met(error: Exception) -> str:
    """The error and where in our code it was met, on one line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {' '.join(str(error).split())} in {frame.name}, line {frame.lineno}"


def remembered(before: InferenceDeploymentStatus, now: float, service: Service | None = None) -> History:
    """What a new operator knows: since when it looks, and the fence that its predecessor left.

    Safe counts are not invented: until the record spans the stabilization window, removals are held.
    """
    return History(
        since=now,
        last_deny=_last_deny(before, now),
        diagnosed=_diagnosed(before, now),
        regret=_regret(before, now, service) if service else None,
    )


def _regret(before: InferenceDeploymentStatus, now: float, service: Service) -> Regret | None:
    desired = desired_of(service.found.object) or 0
    return regret_of(before.regret, desired, now, service.declared.spec.to_thresholds())


def _diagnosed(before: InferenceDeploymentStatus, now: float) -> Diagnosed | None:
    """What the predecessor said, where that was lately: a restart is no change of regime."""
    said, written = before.diagnosis, before.last_evaluation_time
    if said is None or said.since is None or written is None:
        return None
    try:
        recent = now - unix_seconds(written) <= OLD
        return Diagnosed(Regime(said.regime), min(unix_seconds(said.since), now)) if recent else None
    except ValueError:
        return None


OLD = 180.0
"""A status older than this (s) says nothing of now: an operator that runs refreshes it at least once a minute."""


def as_judged(status: InferenceDeploymentStatus, now: float, stabilization: float) -> History | None:
    """What the operator's status says of the stabilization window (s) up to `now`; None where it is old or empty."""
    written = status.last_evaluation_time
    if written is None or status.safe_replicas is None or now - unix_seconds(written) > OLD:
        return None
    safe = (Point(now - 1.0, float(status.safe_replicas)),)
    return History(since=now - stabilization - 1.0, safe_counts=safe, last_deny=_last_deny(status, now))


def _last_deny(before: InferenceDeploymentStatus, now: float) -> DenyMemory | None:
    fence = before.fence
    if fence is None or not fence.replicas or fence.expires_at is None:
        return None
    try:
        expires_at = unix_seconds(fence.expires_at)
        reason, test = Reason(fence.reason or ""), Test(before.binding_test or Test.KV_CACHE_USAGE)
    except ValueError:
        return None
    return DenyMemory(fence.replicas, reason, test, expires_at) if expires_at > now else None


def _status(obj: Object) -> InferenceDeploymentStatus:
    """The status as it was written; one that cannot be read is as good as none, a bad baseline costs only itself."""
    written = obj.get("status") or {}
    for readable in (written, _without_baseline(written)):
        try:
            return InferenceDeploymentStatus.model_validate(readable)
        except ValidationError:
            continue
    return InferenceDeploymentStatus()


def _without_baseline(status: object) -> object:
    return {key: value for key, value in status.items() if key != "baseline"} if isinstance(status, dict) else status


def _age(obj: Object) -> tuple[str, str, str]:
    """Oldest first; RFC 3339 in UTC sorts as text."""
    metadata = obj["metadata"]
    return str(metadata.get("creationTimestamp", "")), str(metadata.get("namespace", "")), str(metadata["name"])
