"""Tells on a target that its InferenceDeployment is gone: who looks at the target must know that it is unguarded."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scalewarden.app.judging import Judged
from scalewarden.app.recorder import EventRecorder
from scalewarden.model.policy import Mode
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.events import Subjects, departed


@dataclass(frozen=True, slots=True)
class Guarded:
    """A service that somebody was stopped or warned for: itself, its target, and its mode under the ceiling."""

    service: Ref
    target: Ref
    mode: Mode


@dataclass(slots=True)
class Departures:
    """Remembers whom each service guarded at the last evaluation, by uid. max_mode is the administrator's ceiling."""

    recorder: EventRecorder
    max_mode: Mode
    _guarded: dict[str, Guarded] = field(default_factory=dict)

    async def look(self, judged: Sequence[tuple[Judged, Subjects]]) -> None:
        """Tell of those that are gone, unless another one describes the same target, and remember the others."""
        now = {one.uid: found for one, about in judged if (found := self._of(one, about))}
        there = {one.uid for one, _ in judged}
        described = {found.target for found in now.values()}
        for uid, gone in self._guarded.items():
            if uid in there or gone.target in described:
                continue
            if notice := departed(gone.service, gone.target, gone.mode):
                await self.recorder.tell(notice)
        kept = {uid: found for uid, found in self._guarded.items() if uid in there}
        self._guarded = kept | now

    def forget(self) -> None:
        """A standby does not know what went while another one led."""
        self._guarded = {}

    def _of(self, one: Judged, about: Subjects) -> Guarded | None:
        if one.declared is None or about.target is None:
            return None
        return Guarded(about.service, about.target, one.declared.policy.mode.capped(self.max_mode))
