"""A replay of one service: evaluations in, in order of time; what they were like and what became of decreases out.

Memory does not grow with time: buckets widen, and of decreases and stretches only so many are kept.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import fsum
from typing import NamedTuple

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.evaluate import Evaluation
from scalewarden.judgement.replaying.asked import Followed, judged
from scalewarden.judgement.replaying.stretches import MOST, Stretch, Stretches, spans
from scalewarden.judgement.replaying.timeline import Timeline, Values
from scalewarden.model.diagnosis import Regime
from scalewarden.model.finding import Finding, Misinterpretation
from scalewarden.model.intent import Intent
from scalewarden.model.policy import Policy
from scalewarden.model.replayed import Decided, Misreading, Replayed, Span, Step
from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine, Replica
from scalewarden.rules.gpu_use import gpus_of_replica
from scalewarden.signals.freshness import State, state

MOST_DECIDED = 5000
"""Decreases that are kept of one service."""
BRIDGED = 120.0
"""Seconds that a finding may be away without becoming a new one: a line that a signal crosses for a moment."""


class _Said(NamedTuple):
    """What tells one stretch of a finding from another."""

    rule: str
    autoscaler: str | None


class Fold:
    """Feed it with every evaluation from `since` (unix seconds) on; `step` are the seconds between two of them."""

    def __init__(self, policy: Policy, since: float, step: float) -> None:
        self._policy = policy
        self._timeline = Timeline(since, step)
        self._before: Evaluation | None = None
        self._steps: list[Step] = []
        self._decided: list[Decided] = []
        self._followed: list[Followed] = []
        self._beyond = 0
        self._said: Stretches[_Said] = Stretches(max(BRIDGED, 2 * step))
        self._heard: list[tuple[Stretch[_Said], Finding]] = []
        self._misread: dict[Misinterpretation, int] = {}
        self._gaps: Stretches[str] = Stretches(2 * step)
        self._regimes: list[Stretch[Regime]] = []
        self._regime: Stretch[Regime] | None = None
        self._evaluations = 0
        self._gpus: int | None = None

    def before(self, evaluation: Evaluation) -> None:
        """The last one before `since`: a decrease that comes right then is judged by it."""
        self._before = evaluation

    def add(self, evaluation: Evaluation) -> None:
        """The next one."""
        snapshot = evaluation.snapshot
        self._evaluations += 1
        self._gpus = gpus_of_replica(snapshot) or self._gpus
        if self._followed:
            self._follow(evaluation)
        if self._before is not None and snapshot.replicas_desired != self._before.snapshot.replicas_desired:
            self._changed(self._before, evaluation)
        self._timeline.add(snapshot.at, _values(evaluation, self._before))
        self._hear(evaluation)
        self._gaps.add(snapshot.at, _unseen(snapshot))
        self._in_regime(snapshot.at, evaluation.diagnosis.regime)
        self._before = evaluation

    def asked(self, evaluation: Evaluation, intent: Intent) -> None:
        """What somebody asked for at this evaluation, where it is a decrease: that was not seen to be made."""
        if intent.to >= evaluation.snapshot.replicas_desired:
            return
        said = judged(evaluation, self._policy, intent.to, evaluation.snapshot.at, intent.actor)
        self._decided.append(replace(said, why="asked for; what followed was not recorded"))

    def result(self) -> Replayed | None:
        """Everything; None where there was no evaluation."""
        if self._before is None or not self._evaluations:
            return None
        snapshot = self._before.snapshot
        regret = self._before.history.regret
        removal = regret.removal if regret else None
        decided = [*self._decided, *(one.end(removal) for one in self._followed)]
        return Replayed(
            key=snapshot.key,
            target=snapshot.target.key,
            engine="" if snapshot.engine is Engine.UNKNOWN else snapshot.engine,
            mode=self._policy.mode,
            gpus_per_replica=self._gpus,
            evaluations=self._evaluations,
            timeline=self._timeline.buckets(),
            steps=tuple(self._steps),
            decided=tuple(sorted(decided, key=lambda one: one.at)),
            misreadings=tuple(self._misreadings()),
            misread=dict(self._misread),
            gaps=spans(self._gaps),
            regimes=tuple(Span(one.what, one.from_, one.to) for one in self._regimes),
            kv_allow=snapshot.thresholds["kvUsageAllow"],
            kv_deny=snapshot.thresholds["kvUsageDeny"],
            beyond=self._beyond,
        )

    def _changed(self, before: Evaluation, after: Evaluation) -> None:
        at, to = after.snapshot.at, after.snapshot.replicas_desired
        if len(self._steps) < MOST:
            self._steps.append(Step(at, before.snapshot.replicas_desired, to))
        if to >= before.snapshot.replicas_desired:
            return
        if len(self._decided) + len(self._followed) >= MOST_DECIDED:
            self._beyond += 1
            return
        self._followed.append(Followed(judged(before, self._policy, to, at)))

    def _follow(self, evaluation: Evaluation) -> None:
        judge = Judge(evaluation.snapshot, evaluation.findings, self._policy)
        for one in self._followed:
            one.look(evaluation, judge)
        done = [one.decided for one in self._followed if one.done]
        self._followed = [one for one in self._followed if not one.done]
        self._decided += done

    def _hear(self, evaluation: Evaluation) -> None:
        fired = {_Said(one.rule, one.autoscaler): one for one in _misreading_findings(evaluation)}
        for began in self._said.add(evaluation.snapshot.at, fired):
            finding = fired[began.what]
            if len(self._heard) < MOST:
                self._heard.append((began, finding))
            for kind in finding.misinterpretations:
                self._misread[kind] = self._misread.get(kind, 0) + 1

    def _misreadings(self) -> Iterator[Misreading]:
        for one, told in self._heard:
            kinds = told.misinterpretations
            yield Misreading(told.rule, told.name, kinds, one.from_, one.to, told.message, told.autoscaler)

    def _in_regime(self, at: float, regime: Regime) -> None:
        if self._regime is not None:
            self._regime.to = at
        if self._regime is None or self._regime.what is not regime:
            self._regime = Stretch(regime, at, at)
            if len(self._regimes) < MOST:
                self._regimes.append(self._regime)


def _misreading_findings(evaluation: Evaluation) -> Iterator[Finding]:
    of_autoscalers = (finding for one in evaluation.autoscalers for finding in one.findings)
    own = (finding for finding in evaluation.findings if not finding.rule.startswith("ASC"))
    yield from (one for one in (*own, *of_autoscalers) if one.fired and one.misinterpretations)


def _unseen(snapshot: Snapshot) -> list[str]:
    """Why nothing is known of any replica; empty where something is."""
    if not snapshot.ready:
        return ["no replica was ready"] if snapshot.replicas_desired else []
    if _fresh(snapshot):
        return []
    signals = [one.signal(SignalName.RUNNING) for one in snapshot.ready]
    return [next((one.cause for one in signals if isinstance(one, Absent)), "the samples of all replicas were stale")]


def _fresh(snapshot: Snapshot) -> list[Replica]:
    return [one for one in snapshot.ready if state(one.signal(SignalName.RUNNING), snapshot) is State.FRESH]


def _values(evaluation: Evaluation, before: Evaluation | None) -> Values:
    """What is known now; KV usage and queues with the samples since the evaluation before."""
    snapshot, fence = evaluation.snapshot, evaluation.frontier
    since = before.snapshot.at if before else snapshot.at
    kv, waiting = _known(snapshot, SignalName.KV_USAGE), _known(snapshot, SignalName.WAITING)
    running = _known(snapshot, SignalName.RUNNING)
    tokens = snapshot.signal(SignalName.GEN_TPS)
    return {
        "desired": float(snapshot.replicas_desired),
        "ready": float(len(snapshot.ready)),
        "safe": float(evaluation.verdict.safe_replicas),
        "fence": float(fence.replicas) if fence else 0.0,
        "autoscaler_fence": float(fence.autoscaler_replicas) if fence else 0.0,
        "kv_high": max((_highest(one, since) for one in kv), default=None),
        "kv_mean": fsum(one.value for one in kv) / len(kv) if kv else None,
        "waiting": fsum(_highest(one, since) for one in waiting) if waiting else None,
        "running": fsum(one.value for one in running) if running else None,
        "tokens_per_second": tokens.value if isinstance(tokens, Reading) and _fresh(snapshot) else None,
    }


def _highest(reading: Reading, since: float) -> float:
    return max((reading.value, *(point.value for point in reading.series if point.at > since)))


def _known(snapshot: Snapshot, name: SignalName) -> list[Reading]:
    readings = (one.reading(name) for one in _fresh(snapshot))
    return [reading for reading in readings if reading is not None]
