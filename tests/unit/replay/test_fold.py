"""What a replay makes of evaluations that follow each other."""

from __future__ import annotations

from typing import Any

import pytest

from scalewarden.judgement.replaying import fold as folding
from scalewarden.judgement.replaying import stretches
from scalewarden.judgement.replaying.fold import Fold
from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource
from scalewarden.model.diagnosis import Regime
from scalewarden.model.finding import Misinterpretation
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.regret import Outcome
from scalewarden.model.replayed import Decided, Replayed, Step
from scalewarden.model.signal import Absent
from scalewarden.model.verdict import Decision, Reason
from scalewarden.model.workload import Replica
from tests.builders import AT, fleet, replica
from tests.unit.judgement.test_regret import Service


class Replay:
    """A service that is judged every 15 s and folded. policy: stabilization 0."""

    def __init__(self, **more: Any) -> None:
        self.service = Service(**more)
        self.fold, self.now = Fold(self.service.policy, AT, 15.0), 0.0

    def run(self, seconds: float, pods: tuple[Replica, ...], desired: int | None = None, **more: Any) -> Replay:
        for _ in range(int(seconds / 15)):
            self.fold.add(self.service.look(self.now, pods, desired, **more))
            self.now += 15.0
        return self

    @property
    def result(self) -> Replayed:
        found = self.fold.result()
        assert found is not None
        return found

    @property
    def only(self) -> Decided:
        (found,) = self.result.decided
        return found


def test_a_refused_decrease_that_hurt_was_needed() -> None:
    replay = Replay().run(60, fleet(4, kv=0.5)).run(660, fleet(2, kv=0.95), desired=2)
    one = replay.only
    assert (one.at, one.from_, one.to, one.decision, one.reason) == (
        AT + 60, 4, 2, Decision.DENY, Reason.KV_CACHE_PRESSURE,
    )  # fmt: skip
    assert one.outcome is Outcome.NEEDED and "KV cache" in one.why and one.measured == 0.95
    assert one.predicted == 1.0 and one.refused and one.held_until is None
    assert one.seconds_held == replay.now - 15 - 60 and one.replica_seconds_held == 2 * one.seconds_held
    assert Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN in one.against


def test_a_refused_decrease_that_nobody_felt_was_needless_and_held_until_it_had_fitted() -> None:
    replay = Replay().run(60, fleet(4, kv=0.5)).run(1200, fleet(2, kv=0.3), desired=2)
    one = replay.only
    assert one.refused and one.outcome is Outcome.NEEDLESS and one.why == "no pressure came of it"
    assert one.held_until is not None and AT + 60 < one.held_until <= AT + 60 + 615  # the window forgets after 10 min


def test_the_stabilization_is_part_of_the_hold() -> None:
    def held(stabilization: float) -> float:
        replay = Replay()
        replay.service.policy = Policy(stabilization=stabilization)
        replay.fold = Fold(replay.service.policy, AT, 15.0)
        one = replay.run(60, fleet(4, kv=0.5)).run(1800, fleet(2, kv=0.3), desired=2).only
        assert one.held_until is not None
        return one.held_until

    assert held(300.0) == held(0.0) + 300.0


def test_a_decrease_that_passes_is_fine_or_regretted() -> None:
    fine = Replay().run(60, fleet(4, kv=0.3)).run(660, fleet(3, kv=0.4), desired=3).only
    assert (fine.decision, fine.outcome, fine.seconds_held, fine.held_until) == (
        Decision.ALLOW,
        Outcome.FINE,
        0.0,
        None,
    )
    bad = Replay().run(60, fleet(4, kv=0.3)).run(660, fleet(3, kv=0.9), desired=3).only
    assert (bad.decision, bad.outcome) == (Decision.ALLOW, Outcome.REGRETTED)


def test_a_hold_ends_where_as_many_are_wanted_again() -> None:
    replay = Replay().run(60, fleet(4, kv=0.5)).run(120, fleet(2, kv=0.95), desired=2).run(600, fleet(4, kv=0.5))
    one = replay.only
    assert one.held_until == AT + 180 and one.outcome is Outcome.NEEDED
    assert replay.result.steps == (Step(AT + 60, 4, 2), Step(AT + 180, 2, 4))


@pytest.mark.parametrize(("kv", "until"), [(0.5, None), (0.2, AT + 120)])
def test_partly_back_is_held_against_the_refused_count(kv: float, until: float | None) -> None:
    replay = Replay().run(60, fleet(6, kv=0.6)).run(60, fleet(2, kv=0.95), desired=2).run(600, fleet(4, kv=kv))
    assert replay.only.held_until == until


def test_what_ends_too_early_is_said() -> None:
    calm = Replay().run(60, fleet(4, kv=0.3)).run(120, fleet(3, kv=0.4), desired=3).only
    assert (calm.outcome, calm.why) == (Outcome.UNKNOWN, "what followed was not seen for long enough")
    hurt = Replay().run(60, fleet(4, kv=0.5)).run(120, fleet(2, kv=0.95), desired=2).only
    assert hurt.outcome is Outcome.NEEDED


def test_of_a_service_that_went_to_zero_nothing_is_learned_for_ever() -> None:
    one = Replay().run(60, fleet(2, kv=0.0, running=0.0)).run(1500, (), desired=0).only
    assert (one.to, one.outcome) == (0, Outcome.UNKNOWN)


def test_a_hold_of_zero_lapses_where_nobody_is_left_to_renew_it() -> None:
    one = Replay().run(60, fleet(1, kv=0.3)).run(7200, (), desired=0).only
    assert one.refused and one.held_until == one.expires_at and one.held_until is not None
    assert one.seconds_held == one.held_until - one.at < 3700


def blind(count: int) -> tuple[Replica, ...]:
    absent = Absent("it did not answer")
    return tuple(replica(f"llama-70b-{n}", kv=absent, running=absent, waiting=absent) for n in range(count))


def test_missing_signals_hold_for_so_long_and_no_longer() -> None:
    replay = Replay()
    replay.service.policy = Policy(stabilization=0.0, max_hold=1800.0)
    replay.fold = Fold(replay.service.policy, AT, 15.0)
    one = replay.run(60, fleet(4, kv=0.3)).run(60, blind(4)).run(7200, blind(3), desired=3).only
    assert one.reason is Reason.SIGNALS_MISSING
    assert one.held_until == AT + 60 + 1800  # from when they went missing, not from the decrease


def test_what_is_not_seen_does_not_fit() -> None:
    replay = Replay().run(60, fleet(4, kv=0.5)).run(120, fleet(2, kv=0.95), desired=2).run(3600, blind(2), desired=2)
    assert replay.only.held_until is None  # six hours are not over


def test_a_declared_minimum_is_none_that_is_fitted_below() -> None:
    replay = Replay()
    replay.service.policy = Policy(stabilization=0.0, min_replicas=4)
    replay.fold = Fold(replay.service.policy, AT, 15.0)
    one = replay.run(60, fleet(4, kv=0.2)).run(7200, fleet(3, kv=0.2), desired=3).only
    assert (one.reason, one.held_until) == (Reason.BELOW_MINIMUM, None)


def test_a_decrease_at_the_first_instant_is_judged_by_the_one_before() -> None:
    replay = Replay()
    replay.fold.before(replay.service.look(-15, fleet(4, kv=0.5)))
    assert replay.fold.result() is None
    one = replay.run(60, fleet(2, kv=0.95), desired=2).only
    assert (one.at, one.from_, one.to, one.decision) == (AT, 4, 2, Decision.DENY)


def test_coarse_steps_do_not_count_a_misreading_anew_each_time() -> None:
    replay = Replay()
    replay.fold = Fold(replay.service.policy, AT, 465.0)
    for n in range(20):
        replay.fold.add(replay.service.look(465.0 * n, fleet(2, kv=0.9)))
    assert [one.rule for one in replay.result.misreadings].count("KVC201") == 1


@pytest.mark.parametrize("to", [4, 6])
def test_a_recorded_intent_that_is_no_decrease_is_none(to: int) -> None:
    replay = Replay().run(60, fleet(4, kv=0.5))
    replay.fold.asked(replay.service.look(replay.now, fleet(4, kv=0.5)), Intent(4, to, Actor.USER))
    assert replay.result.decided == ()


def test_an_intent_that_was_recorded_is_judged_too() -> None:
    replay = Replay().run(60, fleet(4, kv=0.5))
    replay.fold.asked(replay.service.look(replay.now, fleet(4, kv=0.5)), Intent(4, 1, Actor.USER))
    assert (replay.only.actor, replay.only.to, replay.only.decision) == (Actor.USER, 1, Decision.DENY)
    assert replay.only.why == "asked for; what followed was not recorded"


def test_only_so_many_are_kept_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MOST_DECIDED", 1)
    replay = (
        Replay().run(60, fleet(4, kv=0.3)).run(60, fleet(3, kv=0.3), desired=3).run(60, fleet(2, kv=0.3), desired=2)
    )
    assert len(replay.result.decided) == 1 and replay.result.beyond == 1
    assert len(replay.result.steps) == 2


def test_steps_and_stretches_are_kept_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MOST", 1)
    monkeypatch.setattr(stretches, "MOST", 1)
    replay = (
        Replay().run(60, fleet(4, kv=0.9)).run(60, fleet(3, kv=0.3), desired=3).run(60, fleet(2, kv=0.3), desired=2)
    )
    found = replay.result
    assert len(found.steps) == len(found.misreadings) == len(found.regimes) == 1
    assert sum(found.misread.values()) > 1


def test_misreadings_are_stretches_and_counted_once_each() -> None:
    cpu = Autoscaler(
        "HorizontalPodAutoscaler", "chat", "Deployment", "llama", (AutoscalerMetric(MetricSource.RESOURCE, "cpu"),)
    )
    replay = Replay().run(150, fleet(2, kv=0.9), autoscalers=(cpu,)).run(600, fleet(2, kv=0.2), autoscalers=(cpu,))
    found = replay.result
    pressure = [one for one in found.misreadings if one.rule == "KVC201"]
    assert [(one.from_, one.autoscaler) for one in pressure] == [(AT, None)]
    assert pressure[0].to < AT + 750
    of_cpu = [one for one in found.misreadings if one.rule == "ASC601"]
    assert [(one.from_, one.to) for one in of_cpu] in ([], [(AT, AT + 735)])
    assert found.misread[Misinterpretation.LOW_UTILIZATION_IS_WASTE] >= 1


def test_regimes_follow_each_other_without_a_gap() -> None:
    found = Replay().run(300, fleet(2, kv=0.97)).run(1800, fleet(2, kv=0.2)).result
    assert len(found.regimes) >= 2 and found.regimes[0].what == Regime.KV_CACHE_BOUND
    assert all(one.to == other.from_ for one, other in zip(found.regimes, found.regimes[1:], strict=False))


def test_a_regime_is_not_stretched_over_those_that_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def first() -> float:
        found = Replay().run(300, fleet(2, kv=0.97)).run(1800, fleet(2, kv=0.2)).result
        return found.regimes[0].to

    every = first()
    monkeypatch.setattr(folding, "MOST", 1)
    assert first() == every < AT + 2000


def test_nothing_known_is_a_gap_and_no_zero() -> None:
    dark = (replica(kv=Absent("it did not answer"), running=Absent("it did not answer"), waiting=Absent("no")),)
    found = Replay().run(60, fleet(1, kv=0.5)).run(60, dark).run(60, (), desired=1).run(60, (), desired=0).result
    whys = [(one.what, one.from_ - AT) for one in found.gaps]
    assert whys == [("it did not answer", 60.0), ("no replica was ready", 120.0)]
    then = [one for one in found.timeline if AT + 60 <= one.at < AT + 120]
    assert {(one.kv_high, one.kv_mean, one.waiting, one.running, one.tokens_per_second) for one in then} == {
        (None,) * 5
    }


def test_stale_samples_are_a_gap_too() -> None:
    found = Replay().run(60, fleet(1, kv=0.5, age=3600.0)).result
    assert [one.what for one in found.gaps] == ["the samples of all replicas were stale"]


def test_no_evaluation_no_result() -> None:
    assert Fold(Policy(), AT, 15.0).result() is None
