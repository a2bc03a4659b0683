"""What an edit of an InferenceDeployment takes away from its own protection, as clauses for people. Pure."""

from collections.abc import Iterator
from dataclasses import fields

from scalewarden.model.crd_spec import InferenceDeploymentSpec
from scalewarden.model.looser import looser
from scalewarden.model.policy import Mode, OnHold, Policy

Spec = InferenceDeploymentSpec

STRICTNESS = (OnHold.ALLOW, OnHold.WARN, OnHold.REFUSE)
MEANS = {
    Mode.WARN: "unsafe scale-downs are warned about, no longer refused",
    Mode.OBSERVE: "unsafe scale-downs are written into status, nobody is stopped or warned",
}
LOST = {
    Mode.ENFORCE: "unsafe scale-downs of it pass from now on",
    Mode.WARN: "nobody is warned of unsafe scale-downs of it from now on",
}
"""What goes with an InferenceDeployment that is deleted, by its mode; in Observe nothing."""
AUTOSCALING_MEANS = {
    Mode.WARN: "unsound autoscalers are warned about, no longer refused",
    Mode.OBSERVE: "unsound autoscalers are written into status, nobody is stopped or warned",
}
OBJECTIVES = {
    "ttft_p95": "timeToFirstToken.p95",
    "itl_p95": "interTokenLatency.p95",
    "e2e_p99": "endToEndLatency.p99",
}


def weaker(before: Spec, after: Spec, ceiling: Mode) -> Iterator[str]:
    """A clause for each thing that protects less than before, like `minReplicas none instead of 4`.

    ceiling is the administrator's: what it does not let happen anyway is not lost.
    """
    was, now = before.to_policy(), after.to_policy()
    yield from _mode("mode", was.mode.capped(ceiling), now.mode.capped(ceiling), MEANS)
    yield from _mode("autoscaling", was.autoscaling.capped(ceiling), now.autoscaling.capped(ceiling), AUTOSCALING_MEANS)
    if was.annotate and not now.annotate:
        yield "annotate false instead of true: verdicts and findings are not written on autoscalers and targets"
    if was.mode.capped(ceiling) is not Mode.OBSERVE:
        yield from _target(before, after)
        yield from _policy(was, now)
        yield from _lines(before, after)


def _mode(field: str, was: Mode, now: Mode, means: dict[Mode, str]) -> Iterator[str]:
    if now.level < was.level:
        yield f"{field} {now} instead of {was}: {means[now]}"


def _target(before: Spec, after: Spec) -> Iterator[str]:
    was, now = (f"{spec.target_ref.kind}/{spec.target_ref.name}" for spec in (before, after))
    if was != now:
        yield f"targetRef {now} instead of {was}: {was} is described here no longer"


def _policy(was: Policy, now: Policy) -> Iterator[str]:
    if (now.min_replicas or 0) < (was.min_replicas or 0):
        yield f"minReplicas {'none' if now.min_replicas is None else now.min_replicas} instead of {was.min_replicas}"
    if now.max_hold < was.max_hold:
        yield f"maxHold {now.max_hold:g} s instead of {was.max_hold:g} s"
    yield from _hold("autoscaler", was.on_hold_autoscaler, now.on_hold_autoscaler)
    yield from _hold("user", was.on_hold_user, now.on_hold_user)
    if now.stabilization < was.stabilization:
        yield f"stabilization {now.stabilization:g} s instead of {was.stabilization:g} s"


def _hold(who: str, was: OnHold, now: OnHold) -> Iterator[str]:
    if STRICTNESS.index(now) < STRICTNESS.index(was):
        yield f"onHold.{who} {now} instead of {was}"


def _lines(before: Spec, after: Spec) -> Iterator[str]:
    if after.window < before.window:
        yield f"signals.window {after.window:g} s instead of {before.window:g} s"
    was, now = before.to_objectives(), after.to_objectives()
    for one in fields(was):
        promised, left = getattr(was, one.name), getattr(now, one.name)
        if promised is not None and (left is None or left > promised):
            text = "none" if left is None else f"{left:g} s"
            yield f"objectives.{OBJECTIVES[one.name]} {text} instead of {promised:g} s"
    for name, line, moved in looser(before.to_thresholds(), after.to_thresholds()):
        yield f"thresholds.{name} {moved:g} instead of {line:g}"
