"""docs/reference/conditions.md: the conditions of an InferenceDeployment and their reasons."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scalewarden.surfaces.conditions import AUTOSCALER_SOUND, READY, SCALE_DOWN_SAFE, SIGNALS_FRESH, TYPES, Cause
from tools.docs.markdown import code, page, table


class Said(NamedTuple):
    """One reason: on which conditions it stands, when, what to do."""

    on: tuple[str, ...]
    when: str
    do: str


MEANING: Mapping[str, str] = {
    READY: "the target is found, read and judged",
    SIGNALS_FRESH: "the required signals of every ready replica are fresh",
    SCALE_DOWN_SAFE: "one replica may go now, asked by an autoscaler; its reason is the reason of the verdict",
    AUTOSCALER_SOUND: "no rule about autoscalers fires on an HPA or ScaledObject of the target",
}

_JUDGED, _ALL = (READY,), TYPES

CAUSES: Mapping[Cause, Said] = {
    Cause.EVALUATED: Said(_JUDGED, "the service was judged", "nothing"),
    Cause.NOT_EVALUATED: Said(_ALL, "it has not been judged yet", "wait for the next evaluation, 15 s by default"),
    Cause.INVALID_SPEC: Said(_ALL, "the object cannot be read", "correct the field that the message names"),
    Cause.TARGET_NOT_FOUND: Said(
        _ALL, "no object of that kind and name is in the namespace", "create it, or correct `spec.targetRef`"
    ),
    Cause.TARGET_NOT_SCALABLE: Said(
        _ALL, "the target has no scale subresource, or it selects no pods", "name the object that has the replica count"
    ),
    Cause.TARGET_UNREADABLE: Said(
        _ALL, "the API server refuses to show the target", "give the operator's ServiceAccount get on that kind"
    ),
    Cause.TARGET_TAKEN: Said(_ALL, "another InferenceDeployment describes the same target", "delete one of the two"),
    Cause.NO_REPLICAS: Said((READY, SIGNALS_FRESH), "no replica is ready", "see the pods of the target"),
    Cause.SIGNALS_FRESH: Said((SIGNALS_FRESH,), "every ready replica has fresh required signals", "nothing"),
    Cause.SIGNALS_MISSING: Said(
        (READY, SIGNALS_FRESH), "no ready replica has its required signals", "see the cause: port, path, engine flags"
    ),
    Cause.SIGNALS_STALE: Said(
        (SIGNALS_FRESH,), "the newest samples of all replicas are stale", "see whether the pods or Prometheus answer"
    ),
    Cause.PARTIAL_COVERAGE: Said((SIGNALS_FRESH,), "some replicas are not seen", "see the replica that is named"),
    Cause.SOURCE_UNAVAILABLE: Said(
        _ALL, "Prometheus does not answer, or is asked for and not there", "see the message; or `spec.signals.source`"
    ),
    Cause.AUTOSCALERS_SOUND: Said((AUTOSCALER_SOUND,), "every autoscaler of the target is sound", "nothing"),
    Cause.AUTOSCALER_UNSOUND: Said(
        (AUTOSCALER_SOUND,), "a rule fires on an autoscaler of the target", "follow the remedy of the rule"
    ),
    Cause.AUTOSCALER_UNKNOWN: Said(
        (AUTOSCALER_SOUND,), "the signals do not say whether it is sound", "bring back the signals that are missing"
    ),
    Cause.NO_AUTOSCALER: Said((AUTOSCALER_SOUND,), "no autoscaler acts on the target", "nothing"),
    Cause.INTERNAL_ERROR: Said(
        _ALL, "a defect of Scalewarden; the last good status stands", "report it with the operator's log"
    ),
}

_INTRODUCTION = """\
An InferenceDeployment has four conditions. While it cannot be judged, `Ready` is False with the cause, the others are
Unknown, and the last good fence stands until it expires."""

_REASONS = """\
## Reasons

`ScaleDownSafe` carries the [reason of the verdict](reasons.md) where there is one; the other reasons are these."""


def render() -> dict[Path, str]:
    """The page by its path."""
    types = table(("condition", "True when"), [(code(name), MEANING[name]) for name in TYPES])
    rows = [(code(cause), _on(said.on), said.when, said.do) for cause, said in CAUSES.items()]
    reasons = table(("reason", "on", "when", "what to do"), rows)
    text = page("Conditions", _INTRODUCTION, types, _REASONS, reasons)
    return {Path("docs/reference/conditions.md"): text}


def _on(names: tuple[str, ...]) -> str:
    return "all" if names == TYPES else ", ".join(code(name) for name in names)
