"""A service's past, judged instant by instant with the operator's own functions: out of a recording or Prometheus."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.judgement.replaying.fold import Fold
from scalewarden.model.baseline import Learned
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.policy import Policy
from scalewarden.model.replayed import Replayed
from scalewarden.model.signal import Absent
from scalewarden.model.snapshot import History, Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.sources.assemble import Facts, assemble
from scalewarden.sources.base import PodKey, Series
from scalewarden.sources.objects import target_of
from scalewarden.sources.past_fleet import PastFleet
from scalewarden.sources.pod_names import Family
from scalewarden.sources.prometheus_past import AHEAD, STRETCH, Moment, PastReader, Stretch
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


AFTER = 1200.0
"""Seconds after a change of the replica count in which every `FINEST` is judged: what came of it."""
FINEST = 15.0
"""Seconds between two evaluations of an operator, by default."""
USUAL = 5760
"""Instants that are judged of one service, unless told otherwise: a day of them."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when (unix seconds), and how many seconds lie between two evaluations. before: seconds before a
    change of the replica count in which every `FINEST` is judged."""

    start: float
    end: float
    step: float
    before: float = FINEST

    @classmethod
    def of(cls, start: float, end: float, step: float | None = None) -> "Span":
        """With the step that was asked for, or one that gives `USUAL` instants, from `FINEST` to `STRETCH`."""
        return cls(start, end, step or min(STRETCH, max(FINEST, (end - start) / USUAL // FINEST * FINEST)))

    def next(self, at: float, changes: Sequence[float]) -> float:
        """The instant after `at`: soon, where the replica count changes about then."""
        if self.step <= FINEST:
            return at + self.step
        near = [change for change in changes if at + self.step > change - self.before and at < change + AFTER]
        if not near:
            return at + self.step
        return max(at + FINEST, min(near) - self.before)


@dataclass(frozen=True, slots=True)
class Subject:
    """One service: what is declared, and what of its facts is the same at all instants (objects as they are now)."""

    declared: InferenceDeployment
    facts: Facts


class Judging:
    """One evaluation after the other, each with what those before it left behind."""

    def __init__(self, policy: Policy, since: float) -> None:
        self._policy = policy
        self._history = History(since=since)
        self._learned: Learned | None = None

    def judge(self, snapshot_of: SnapshotOf) -> Evaluation:
        """The evaluation of the next instant."""
        found = evaluate(snapshot_of(self._history, self._learned), self._policy)
        self._history, self._learned = found.history, found.learned
        return found


def of_recording(recording: Recording, span: Span, told: Told) -> Replayed | None:
    """The recording from `span.start` on; its own instant is the last one. None where nothing lies in the span.

    A recording that is shorter than the stabilization says nothing of the time before: that counts as safe.
    """
    policy = recording.declared.policy
    began = recording.instants[0] if recording.instants else recording.at
    enough = recording.at - began >= policy.stabilization
    judging = Judging(policy, began if enough else began - policy.stabilization)
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


class PrometheusReplay:
    """One service's past, as a Prometheus has it.

    name: `namespace/name`. came_to: the last instant that was judged (unix seconds), None before any. The
    glass that is broken now was not broken then, as far as anybody knows: that is left out.
    """

    def __init__(self, subject: Subject, span: Span) -> None:
        declared = subject.declared
        policy = replace(declared.policy, break_glass_until=None)
        self._span = replace(span, before=min(policy.stabilization, STRETCH) + FINEST)
        self._from = span.start - policy.stabilization
        self._began = self._from - Bounds().span
        self._target = target_of(declared.spec.target_ref.model_dump(by_alias=True), subject.facts.resource)
        self._family = Family.of(declared.namespace, self._target)
        self.name = declared.key
        self._past = _Past(subject, self._began, self._span.before + AFTER + AHEAD)
        self._judging, self._fold = Judging(policy, self._from), Fold(policy, span.start, span.step)
        self.came_to: float | None = None

    @property
    def fleet(self) -> PastFleet:
        """What is known of its pods."""
        return self._past.fleet

    def run(self, reader: PastReader, told: Told) -> None:
        """Judge all of it. Raises SourceError; what was judged until then stands.

        Reading begins a window earlier and judging a stabilization earlier, so that the first instant has a past.
        Judging stays a little behind reading: a change that is to come asks for a closer look before it.
        """
        end = self._span.end
        for stretch in reader.stretches(self._family, self._target, self._began, end):
            self._past.take(stretch)
            self._judge(end if stretch.end >= end else stretch.end - self._span.before, told)

    def result(self) -> Replayed | None:
        """What was found so far; None where nothing was judged."""
        return self._fold.result()

    def _judge(self, until: float, told: Told) -> None:
        changes = self.fleet.changes()
        at = self._from if self.came_to is None else self._span.next(self.came_to, changes)
        while at <= until:
            found = self._judging.judge(self._past.snapshot(at))
            (self._fold.add if at >= self._span.start else self._fold.before)(found)
            told(at)
            self.came_to, at = at, self._span.next(at, changes)


def _instants(start: float, end: float, step: float) -> Iterator[float]:
    """`step` apart from the first one on, and the last one."""
    at = start
    while at < end:
        yield at
        at += step
    yield end


class _Past:
    """The windows of pages and the pods as they were, moved on through the stretches."""

    def __init__(self, subject: Subject, began: float, kept: float) -> None:
        self._subject = subject
        self._targets = Targets(Bounds())
        self._coming: deque[Moment] = deque()
        self.fleet = PastFleet(subject.declared.namespace, began, kept)

    def take(self, stretch: Stretch) -> None:
        """The next stretch. What the one before had beyond its own end comes again with this one."""
        waiting = (moment for moment in self._coming if moment.at <= stretch.start)
        self._coming = deque((*waiting, *(moment for moment in stretch.moments if moment.at > stretch.start)))
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
            scrape_interval=None,  # that of the server is seen in its samples
            target=_wanting(self._subject.facts.target, self.fleet.desired(at)),
            replicas=replicas,
            scrapes={key: series for key, series in found.items() if key in keys},
            exporters={str(key): found[key] for key in sorted(self._targets.exporters(best))},
        )


def _wanting(target: Object | None, count: int) -> Object:
    """The scaled object with the replica count that it had."""
    known = target or {}
    return {**known, "spec": {**child(known, "spec"), "replicas": count}}
