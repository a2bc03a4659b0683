"""A rule that judges every replica by itself: how the answers of all become one finding."""

from collections.abc import Callable, Sequence

from scalewarden.model.finding import Finding
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import conditions, look
from scalewarden.rules.conditions import Condition
from scalewarden.rules.rule import Rule


def finding(rule: Rule, snapshot: Snapshot, answers: Sequence[Condition], say: Callable[[str, str], str]) -> Finding:
    """Fired where one holds, with the evidence of all that do; unknown where none does and one cannot be told.

    say(what, where) is the message: the first fact that holds, and on `3 of 4 replicas`. No answers: no replica that
    could be judged.
    """
    fired = [answer for answer in answers if answer.holds]
    if fired:
        evidence = [one for answer in fired for one in answer.evidence]
        return rule.fired(say(fired[0].what, look.share(len(fired), len(answers))), *evidence)
    if not answers:
        return rule.unknown(look.obstacle(snapshot, (), 0))
    if conditions.any_of(answers) is None:
        unknown = conditions.first(answers, None)
        return rule.unknown(unknown.what, *unknown.evidence)
    return rule.clear(answers[0].what, *answers[0].evidence)
