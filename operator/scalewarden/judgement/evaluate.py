"""One snapshot in, everything that surfaces render out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.diagnose import diagnose
from scalewarden.judgement.frontier import Frontier, frontier
from scalewarden.judgement.learn import learn
from scalewarden.judgement.left import with_those_that_left
from scalewarden.judgement.remember import remember
from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.baseline import Learned
from scalewarden.model.diagnosis import Diagnosis
from scalewarden.model.finding import Finding, Status
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import History, Snapshot
from scalewarden.model.verdict import Verdict
from scalewarden.rules.catalogue import RULES
from scalewarden.rules.scaledown import scale_down_under_pressure

JUDGES_AUTOSCALERS = "ASC"
"""How the codes of rules begin that speak about one autoscaler at a time."""


@dataclass(frozen=True, slots=True)
class AutoscalerJudgement:
    """One HPA or ScaledObject, the worst status of its findings, and the findings."""

    kind: str
    name: str
    status: Status
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All answers about one snapshot; `history` and `learned` go into the next one."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    diagnosis: Diagnosis
    verdict: Verdict
    frontier: Frontier | None
    autoscalers: tuple[AutoscalerJudgement, ...]
    history: History
    learned: Learned


def evaluate(snapshot: Snapshot, policy: Policy) -> Evaluation:
    """Judge the snapshot's intent, or one removal by an autoscaler where there is none."""
    intent = snapshot.intent or default_intent(snapshot)
    snapshot = replace(with_those_that_left(snapshot), intent=intent)
    findings = all_findings(snapshot)
    judge = Judge(snapshot, findings, policy)
    found = frontier(judge)
    diagnosis, diagnosed = diagnose(snapshot, findings, judge.fleet)
    return Evaluation(
        snapshot,
        findings,
        diagnosis,
        judge.decide(intent),
        found,
        tuple(judge_autoscaler(snapshot, autoscaler) for autoscaler in snapshot.autoscalers),
        replace(remember(judge, found), diagnosed=diagnosed),
        learn(snapshot.learned, snapshot),
    )


def all_findings(snapshot: Snapshot) -> tuple[Finding, ...]:
    """What every rule finds, in the order of the catalogue; the rule about rules is told what they found."""
    found: dict[str, Finding] = {}
    for rule, check in RULES:
        is_told = rule is scale_down_under_pressure.RULE
        found[rule.code] = scale_down_under_pressure.check(snapshot, found) if is_told else check(snapshot)
    return tuple(found.values())


def default_intent(snapshot: Snapshot) -> Intent:
    """N → N−1 by an autoscaler: the question that is always open."""
    desired = snapshot.replicas_desired
    return Intent(desired, max(0, desired - 1), Actor.AUTOSCALER, f"{snapshot.target.resource}/scale")


def judge_autoscaler(snapshot: Snapshot, autoscaler: Autoscaler) -> AutoscalerJudgement:
    """What the rules about autoscalers say of this one alone; also for an HPA that is just being written."""
    alone = replace(snapshot, autoscalers=(autoscaler,))
    findings = tuple(check(alone) for rule, check in RULES if rule.code.startswith(JUDGES_AUTOSCALERS))
    return AutoscalerJudgement(autoscaler.kind, autoscaler.name, _worst(findings), findings)


def _worst(findings: Sequence[Finding]) -> Status:
    """What is only information makes no autoscaler unsound."""
    if any(finding.accuses for finding in findings):
        return Status.FIRED
    return Status.UNKNOWN if any(finding.status is Status.UNKNOWN for finding in findings) else Status.CLEAR
