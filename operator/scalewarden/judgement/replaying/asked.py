"""One decrease in a replay: judged just before it came, then followed until it is known what it did."""

from dataclasses import dataclass, replace
from math import inf

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.evaluate import Evaluation, all_findings
from scalewarden.judgement.removals import SLIPPED
from scalewarden.model.finding import Misinterpretation
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.regret import Last, Outcome, Removal
from scalewarden.model.replayed import Decided
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision

_OF_REFUSED = {Outcome.REGRETTED: Outcome.NEEDED, Outcome.FINE: Outcome.NEEDLESS}


def judged(before: Evaluation, policy: Policy, to: int, at: float, actor: Actor = Actor.AUTOSCALER) -> Decided:
    """What the guard would have said to a decrease to `to` that was seen at `at` (unix seconds), by the evaluation
    before it: a hold that had lapsed by then had left the fence."""
    snapshot, from_ = before.snapshot, before.snapshot.replicas_desired
    intent = Intent(from_, to, actor, f"{snapshot.target.resource}/scale")
    verdict = Judge(snapshot, before.findings, policy).decide(intent)
    lapsed = verdict.expires_at is not None and verdict.expires_at <= at
    return Decided(
        at=at,
        from_=from_,
        to=to,
        actor=actor,
        decision=Decision.ALLOW if lapsed else verdict.decision,
        reason=verdict.reason,
        binding_test=verdict.binding_test,
        message=f"{verdict.message}; that had lapsed" if lapsed else verdict.message,
        regime=before.diagnosis.regime,
        safe_replicas=verdict.safe_replicas,
        predicted=verdict.predicted.kv_cache_usage,
        against=_against(replace(snapshot, intent=intent)),
        expires_at=verdict.expires_at,
    )


def _against(asked: Snapshot) -> tuple[Misinterpretation, ...]:
    """Of the findings about this very decrease."""
    named = (kind for finding in all_findings(asked) if finding.fired for kind in finding.misinterpretations)
    return tuple(sorted(set(named)))


@dataclass(slots=True)
class Followed:
    """A decrease that was made, and what is known of it so far."""

    decided: Decided
    known: bool = False
    _fits_since: float | None = None
    _lapses: float = inf

    def __post_init__(self) -> None:
        if self.decided.expires_at is not None:
            self._lapses = self.decided.expires_at

    @property
    def done(self) -> bool:
        """Nothing more is to be learned of it."""
        return self.known and (not self.decided.refused or self.decided.held_until is not None)

    def look(self, after: Evaluation, judge: Judge) -> None:
        """One evaluation after it."""
        last = after.history.regret.last if after.history.regret else None
        if not self.known and last is not None and (last.at, last.to) == (self.decided.at, self.decided.to):
            self._became(last)
        elif after.snapshot.at - self.decided.at > 2 * after.snapshot.thresholds["regretWatch"]:
            self.known = True  # as of a service that went to zero: nobody was left to be looked at
        if self.decided.refused and self.decided.held_until is None:
            self._hold(after, judge)

    def end(self, removal: Removal | None) -> Decided:
        """As far as it is known when the replay ends."""
        hurt = removal.hurt if removal is not None and removal.at == self.decided.at else ""
        if hurt and not self.known:
            self._became(Last(self.decided.at, self.decided.to, Outcome.REGRETTED, hurt, None, self.decided.measured))
        return replace(self.decided, why=self.decided.why or "what followed was not seen for long enough")

    def _became(self, last: Last) -> None:
        outcome = _OF_REFUSED.get(last.outcome, last.outcome) if self.decided.refused else last.outcome
        why, self.known = last.why.removeprefix(SLIPPED), True
        self.decided = replace(self.decided, outcome=outcome, why=why, measured=last.measured)

    def _hold(self, after: Evaluation, judge: Judge) -> None:
        """Would the guard let it pass by now? The load is the same on fewer replicas: what they show is no guess."""
        at, decided = after.snapshot.at, self.decided
        if after.snapshot.replicas_desired >= decided.from_:
            return self._ended(at)
        if _fits(after, judge, decided.to):
            self._fits_since = at if self._fits_since is None else self._fits_since
            if at - self._fits_since >= judge.policy.stabilization:
                return self._ended(at)
        else:
            self._fits_since = None
            self._lapses = _renewed(after, judge, decided.to, self._lapses)
        if at >= self._lapses:
            return self._ended(max(self._lapses, decided.at))
        self.decided = replace(decided, seconds_held=at - decided.at)
        return None

    def _ended(self, at: float) -> None:
        self.decided = replace(self.decided, held_until=at, seconds_held=at - self.decided.at)


def _fits(after: Evaluation, judge: Judge, to: int) -> bool:
    """The fewer replicas pass their own tests, every one of them seen."""
    if after.snapshot.replicas_desired > to:
        return judge.passes(to)
    if judge.policy.min_replicas is not None and to < judge.policy.min_replicas:
        return False
    return not judge.short and bool(judge.fleet.serving) and after.history.signals_good_since is not None


def _renewed(after: Evaluation, judge: Judge, to: int, lapses: float) -> float:
    """When a refusal ends by itself, unix seconds: evidence renews it, missing signals hold for so long, and where
    nobody is left to be seen nothing does."""
    if after.snapshot.replicas_desired > to:
        intent = Intent(after.snapshot.replicas_desired, to, Actor.AUTOSCALER)
        expires = judge.answer(intent).expires_at
        return lapses if expires is None else expires
    seen, missing = after.history.signals_good_since is not None, after.history.missing_since
    if seen and judge.fleet.serving:
        return max(lapses, judge.evidence_at + after.snapshot.thresholds["denyExpiry"])
    if after.snapshot.replicas_desired and missing is not None:
        return max(lapses, missing + judge.policy.max_hold)
    return lapses
