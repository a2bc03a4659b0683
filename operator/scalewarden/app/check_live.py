"""Lowered counts put to the service that runs: one question to the same judge that answers `what-if` and admission."""

from dataclasses import dataclass, replace

from scalewarden.app.check_base import Lowered, finding
from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.checked import Checked, Level
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Mode, Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Reason, Verdict

_LEVELS = {Decision.ALLOW: Level.NOTE, Decision.HOLD: Level.WARNING, Decision.DENY: Level.ERROR}
_MINIMUM = "it removes nothing by itself, an autoscaler may go down to it; "
UNKNOWN = "whether that is safe is not known"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A service as it runs. policy: its own; declared: False where nobody described it and the policy is the default.

    notes: what a reader must know of how it was read.
    """

    snapshot: Snapshot
    policy: Policy
    notes: tuple[str, ...] = ()
    declared: bool = True


def answered(one: Lowered, evidence: Evidence) -> Checked:
    """What the running service answers: an error for a Deny that would be enforced, a warning for a Hold, a note for
    what is safe now. A lowered minimum is judged as an autoscaler that goes down to it, and is never an error."""
    snapshot = evidence.snapshot
    actor = Actor.AUTOSCALER if one.is_minimum else Actor.USER
    intent = Intent(snapshot.replicas_desired, one.after, actor, f"{snapshot.target.resource}/scale")
    verdict = evaluate(replace(snapshot, intent=intent), evidence.policy).verdict
    return finding(one, _said(one, verdict, snapshot), _level(one, verdict, evidence), _remedy(one, verdict, snapshot))


def unknown(one: Lowered, why: str) -> Checked:
    """As loud as without asking: what could not be asked is never taken for safe."""
    return finding(one, f"{UNKNOWN}: {why}", Level.WARNING)


def _level(one: Lowered, verdict: Verdict, evidence: Evidence) -> Level:
    enforced = evidence.declared and evidence.policy.mode is Mode.ENFORCE and not one.is_minimum
    level = _LEVELS[verdict.decision]
    return Level.WARNING if level is Level.ERROR and not enforced else level


def _said(one: Lowered, verdict: Verdict, snapshot: Snapshot) -> str:
    if verdict.reason is Reason.NOT_A_DECREASE:
        return f"{snapshot.key} runs {snapshot.replicas_desired} replicas now, so nothing is removed"
    binds = f", {verdict.binding_test} binds" if verdict.binding_test else ""
    usage = verdict.predicted.kv_cache_usage
    kv = f"; predicted KV-cache usage of the replicas that stay {usage:.2f}" if usage is not None else ""
    answer = f"{snapshot.key} as it runs answers {verdict.decision} {verdict.reason}{binds}: {verdict.message}{kv}"
    return _MINIMUM + answer if one.is_minimum else answer


def _remedy(one: Lowered, verdict: Verdict, snapshot: Snapshot) -> str:
    namespace, _, name = snapshot.key.rpartition("/")
    again = f"`scalewarden what-if {name} -n {namespace} --replicas {one.after}`"
    if verdict.decision is Decision.ALLOW:
        return f"Load changes: ask {again} again before it is rolled out."
    return f"Go no lower than {verdict.safe_replicas} now, or merge it when {again} allows it."
