"""A service's past, judged instant by instant with the operator's own functions: out of a recording or Prometheus."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.judgement.replaying.fold import Fold
from scalewarden.model.baseline import Learned
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.replayed import Replayed
from scalewarden.model.signal import Absent
from scalewarden.model.snapshot import History, Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.sources.assemble import Facts, assemble
from scalewarden.sources.base import PodKey, Series
from scalewarden.sources.objects import target_of
from scalewarden.sources.past_fleet import PastFleet
from scalewarden.sources.past_names import Family
from scalewarden.sources.prometheus_past import Moment, PastReader, Stretch
from scalewarden.sources.prometheus_targets import Targets
from scalewarden.sources.recording import Recording
from scalewarden.sources.tree import child
from scalewarden.sources.window import Bounds

Object = Mapping[str, Any]
SnapshotOf = Callable[[History, Learned | None], Snapshot]
"""The snapshot of one instant, with what earlier ones left behind."""
Told = Callable[[float], None]
"""Called with the instant (unix seconds) that the replay has come to."""
NOTHING = Absent("Prometheus has no series of the pod")


BEFORE, AFTER = 60.0, 1200.0
"""Seconds around a change of the replica count in which every `FINEST` is judged: what was said, what came of it."""
FINEST = 15.0
"""Seconds between two evaluations of an operator, by default."""
USUAL = 5760
"""Instants that are judged of one service, unless told otherwise: a day of them."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when (unix seconds), and how many seconds lie between two evaluations."""

    start: float
    end: float
    step: float

    @classmethod
    def of(cls, start: float, end: float, step: float | None = None) -> "Span":
        """With the step that was asked for, or one that gives `USUAL` instants at most, as `FINEST` as may be."""
        return cls(start, end, step or max(FINEST, (end - start) / USUAL // FINEST * FINEST))

    def next(self, at: float, changes: Sequence[float]) -> float:
        """The instant after `at`: soon, where the replica count changes about then."""
        if self.step <= FINEST:
            return at + self.step
        near = [change for change in changes if at + self.step > change - BEFORE and at < change + AFTER]
        if not near:
            return at + self.step
        return max(at + FINEST, min(near) - BEFORE)


@dataclass(frozen=True, slots=True)
class Subject:
    """One service: what is declared, and what of its facts is the same at all instants (objects as they are now)."""

    declared: InferenceDeployment
    facts: Facts


class Judging:
    """One evaluation after the other, each with what those before it left behind."""

    def __init__(self, declared: InferenceDeployment, since: float) -> None:
        self._declared = declared
        self._history = History(since=since)
        self._learned: Learned | None = None

    def judge(self, snapshot_of: SnapshotOf) -> Evaluation:
        """The evaluation of the next instant."""
        found = evaluate(snapshot_of(self._history, self._learned), self._declared.policy)
        self._history, self._learned = found.history, found.learned
        return found


def of_recording(recording: Recording, span: Span, told: Told) -> Replayed | None:
    """The recording from `span.start` on; its own instant is the last one. None where nothing lies in the span.

    A recording that is shorter than the stabilization says nothing of the time before: that counts as safe.
    """
    policy = recording.declared.policy
    began = recording.instants[0] if recording.instants else recording.at
    enough = recording.at - began >= policy.stabilization
    judging = Judging(recording.declared, began if enough else began - policy.stabilization)
    fold, last = Fold(policy, span.start, span.step), None
    for at in _instants(began + Thresholds()["shortSpan"], recording.at, span.step):
        last = judging.judge(_recorded(recording, at))
        if span.start <= at <= span.end:
            fold.add(last)
        told(at)
    if last is not None and recording.intent is not None and span.start <= recording.at <= span.end:
        fold.asked(last, recording.intent)
    return fold.result()


def _recorded(recording: Recording, at: float) -> SnapshotOf:
    return lambda history, learned: recording.snapshot(at, history, None, learned)


def of_prometheus(subject: Subject, reader: PastReader, span: Span, told: Told) -> tuple[Replayed | None, PastFleet]:
    """The service's past from `span.start` to `span.end`, and what was known of its pods. Raises SourceError.

    Reading begins a window earlier and judging a stabilization earlier, so that the first instant has a past.
    """
    declared = subject.declared
    judged_from = span.start - declared.policy.stabilization
    began = judged_from - Bounds().span
    past, judging = _Past(subject, began), Judging(declared, judged_from)
    fold, at = Fold(declared.policy, span.start, span.step), judged_from
    target = target_of(declared.spec.target_ref.model_dump(by_alias=True), subject.facts.resource)
    family, last = Family.of(declared.namespace, target), None
    for stretch in reader.stretches(family, target, began, span.end):
        past.take(stretch)
        if last is not None:  # a change that only this stretch tells of may ask for an earlier look
            at = span.next(last, past.fleet.changes())
        while at <= min(stretch.end, span.end):
            found = judging.judge(past.snapshot(at))
            if at >= span.start:
                fold.add(found)
            told(at)
            last, at = at, span.next(at, past.fleet.changes())
    return fold.result(), past.fleet


def _instants(start: float, end: float, step: float) -> Iterator[float]:
    """`step` apart from the first one on, and the last one."""
    at = start
    while at < end:
        yield at
        at += step
    yield end


class _Past:
    """The windows of pages and the pods as they were, moved on through the stretches."""

    def __init__(self, subject: Subject, began: float) -> None:
        self._subject = subject
        self._targets = Targets(Bounds())
        self._coming: deque[Moment] = deque()
        self.fleet = PastFleet(subject.declared.namespace, began)

    def take(self, stretch: Stretch) -> None:
        """The next stretch. What the one before had beyond its own end comes again with this one."""
        self._reach(stretch.start)
        self._coming = deque(moment for moment in stretch.moments if moment.at > stretch.start)
        self.fleet.take(stretch)

    def snapshot(self, at: float) -> SnapshotOf:
        """Everything that was known at `at`, unix seconds, not before any earlier one."""
        self._reach(at)
        facts = self._facts(at)

        def made(history: History, learned: Learned | None) -> Snapshot:
            return assemble(self._subject.declared, facts, at=at, history=history, learned=learned)

        return made

    def _reach(self, at: float) -> None:
        while self._coming and self._coming[0].at <= at:
            moment = self._coming.popleft()
            self._targets.take([(moment.target, [moment.page])])
            self.fleet.reach(moment)

    def _facts(self, at: float) -> Facts:
        replicas, keys = self.fleet.replicas(at), self.fleet.keys
        self._targets.forget(keys, at)
        best = self._targets.best(self.fleet.endpoints(), at)
        found: dict[PodKey, Series] = {key: seen.window.scrapes or NOTHING for key, seen in best.items()}
        return replace(
            self._subject.facts,
            target=_wanting(self._subject.facts.target, self.fleet.desired(at)),
            replicas=replicas,
            scrapes={key: series for key, series in found.items() if key in keys},
            exporters={str(key): found[key] for key in sorted(self._targets.exporters(best))},
        )


def _wanting(target: Object | None, count: int) -> Object:
    """The scaled object with the replica count that it had."""
    known = target or {}
    return {**known, "spec": {**child(known, "spec"), "replicas": count}}
