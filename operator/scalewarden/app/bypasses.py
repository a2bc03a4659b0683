"""Looks for decreases that passed below the fence: nobody refused them, but the watches show them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scalewarden.app.fences import GUARD_LABEL, Fences
from scalewarden.app.judging import Judged
from scalewarden.app.recorder import EventRecorder
from scalewarden.judgement.evaluate import Evaluation
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.managedfields import replicas_writer
from scalewarden.surfaces import bypass
from scalewarden.surfaces.bypass import Bypass, Stood
from scalewarden.surfaces.events import Notice, Subjects
from scalewarden.surfaces.fence import entry

NOT_SEEN = (
    "Admission did not refuse it: kubectl get validatingadmissionpolicybinding scalewarden-fence shows whether the "
    "policy is in force"
)


@dataclass(slots=True)
class Bypasses:
    """Remembers, of each service by uid, what stood at the last evaluation, and the bypass whose end is awaited."""

    api: KubeApi
    recorder: EventRecorder
    fences: Fences
    _stood: dict[str, Stood] = field(default_factory=dict)
    _awaited: dict[str, Bypass] = field(default_factory=dict)

    async def look(self, one: Judged, about: Subjects, now: float) -> None:
        """Tell what has passed since the last look, and what became of it. A service that was not judged waits."""
        if one.evaluation is None or one.declared is None or one.service is None:
            return
        policy, owner = one.declared.policy, one.declared.key
        floor = entry(one.evaluation.frontier, policy, self.fences.max_mode, owner, now)
        uid = str(one.service.found.object["metadata"].get("uid", ""))
        before = self._stood.get(one.uid) or bypass.stood_before(one.before, now)
        self._stood[one.uid] = after = bypass.stood(one.evaluation, uid, floor)
        for notice in self._ended(one, one.evaluation, about):
            await self.recorder.tell(notice)
        refuses = policy.enforces(self.fences.max_mode, now)  # where nobody wants refusals, none was passed by
        passed = bypass.bypassed(before, after, now) if before and refuses else None
        if passed is not None:
            self._awaited[one.uid] = passed
            writer = await self._writer(one)
            for notice in bypass.found(passed, one.evaluation, writer, self._why(one.namespace), about):
                await self.recorder.tell(notice)

    def forget_all_but(self, judged: Sequence[Judged]) -> None:
        """All but these: of a deleted service nothing is awaited, and a standby does not know what stood."""
        there = {one.uid for one in judged}
        self._stood = {uid: found for uid, found in self._stood.items() if uid in there}
        self._awaited = {uid: found for uid, found in self._awaited.items() if uid in there}

    def _ended(self, one: Judged, evaluation: Evaluation, about: Subjects) -> Iterator[Notice]:
        awaited, regret = self._awaited.get(one.uid), evaluation.history.regret
        last = regret.last if regret else None
        if awaited is not None and last is not None and (last.at, last.to) == (awaited.at, awaited.to):
            del self._awaited[one.uid]
            yield from bypass.ended(awaited, last, about)

    async def _writer(self, one: Judged) -> str:
        """Read for once from the API server: managedFields are not kept. That it cannot be read costs the name only."""
        if one.service is None:
            return ""
        found = one.service.found
        try:
            obj = await self.api.find(found.resource, one.namespace, found.object["metadata"]["name"])
        except ApiError:
            return ""
        return replicas_writer(obj) if obj else ""

    def _why(self, namespace: str) -> str:
        if self.fences.opted_in(namespace):
            return NOT_SEEN
        return f"Namespace {namespace} is not opted in: label it {GUARD_LABEL}=enabled"
