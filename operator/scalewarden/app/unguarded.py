"""Services in mode Enforce of which nothing is refused all the same: counted by why, and told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scalewarden.app.covering import Covering
from scalewarden.app.fences import GUARD_LABEL, Fences
from scalewarden.app.judging import Judged
from scalewarden.app.recorder import EventRecorder
from scalewarden.model.policy import Mode
from scalewarden.surfaces.coverage import LASTING, Gap, Why, notices
from scalewarden.surfaces.events import Subjects


@dataclass(slots=True)
class Unguarded:
    """Remembers the gap of each service by uid since the last look; None where it has none."""

    covering: Covering
    recorder: EventRecorder
    fences: Fences
    _gaps: dict[str, Gap | None] = field(default_factory=dict)

    async def look(self, judged: Sequence[tuple[Judged, Subjects]], now: float) -> None:
        """Find the gaps and tell of those that are new. now: unix seconds."""
        await self.covering.look()
        before, self._gaps = self._gaps, {one.uid: self._gap(one, now) for one, _ in judged}
        for one, about in judged:
            gap = self._gaps[one.uid]
            if gap is not None:
                await self._tell(gap, about, known=one.uid in before, was=before.get(one.uid))

    def of(self, one: Judged) -> Gap | None:
        """What was found at the last look."""
        return self._gaps.get(one.uid)

    def counts(self) -> Mapping[Why, int]:
        """Services by why."""
        return Counter(gap.why for gap in self._gaps.values() if gap)

    def forget(self) -> None:
        """A standby does not know what changed while another one led."""
        self._gaps = {}

    async def _tell(self, gap: Gap, about: Subjects, *, known: bool, was: Gap | None) -> None:
        """A namespace that never was opted in is no loss; the glass has events of its own, the ceiling a condition."""
        fresh = was is None or was.why is not gap.why
        lost = gap.why is Why.NOT_OPTED_IN and known
        for notice in notices(gap, about) if gap.why in LASTING or (lost and fresh) else ():
            await (self.recorder.tell(notice) if fresh else self.recorder.remind(notice))

    def _gap(self, one: Judged, now: float) -> Gap | None:
        policy = one.declared.policy if one.declared else None
        if policy is None or policy.mode is not Mode.ENFORCE:
            return None
        if policy.mode.capped(self.fences.max_mode) is not Mode.ENFORCE:
            text = f"mode Enforce is capped to {self.fences.max_mode} by the operator's --max-mode"
            return Gap(Why.MODE_CAPPED, text)
        if not self.fences.opted_in(one.namespace):
            text = f"nothing is refused: label namespace {one.namespace} with {GUARD_LABEL}=enabled"
            return Gap(Why.NOT_OPTED_IN, text)
        if policy.glass_broken(now):
            return Gap(Why.GLASS_BROKEN, "the glass is broken")
        return self.covering.gap(one.resource) if one.resource else None
