"""docs/reference/metrics.md: what operator and guard export about themselves."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry

from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.model.status import DecisionStatus
from scalewarden.model.verdict import Decision, Reason
from scalewarden.surfaces.admission_record import Outcome, Record
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.metrics import METRICS, OperatorMetrics
from tools.docs.markdown import code, page, table

HEADINGS = ("metric", "type", "labels", "meaning")

_INTRODUCTION = """\
Both processes answer `/metrics` on port 8080. Durations are in seconds."""

_OPERATOR = """\
## Operator

What is said of services is exported by the leader only, so that two replicas do not add up.
`scalewarden_safe_replicas` can be one more metric of an HPA (External or Object, `AverageValue: "1"`): an HPA follows
the largest of its metrics, so the fleet stays at the safe count without a refusal."""

_GUARD = """\
## Guard"""


def render() -> dict[Path, str]:
    """The page by its path."""
    operator, guard = table(HEADINGS, _of_operator()), table(HEADINGS, _of_guard())
    text = page("Metrics", _INTRODUCTION, _OPERATOR, operator, _GUARD, guard)
    return {Path("docs/reference/metrics.md"): text}


def _of_operator() -> Iterator[tuple[str, ...]]:
    types = _types(OperatorMetrics().registry)
    for metric in METRICS:
        yield _row(metric.name, types[metric.name], metric.labels, metric.help)


def _of_guard() -> Iterator[tuple[str, ...]]:
    """Labels appear with the first sample, so one request is counted first."""
    metrics = GuardMetrics()
    metrics.count(_refused())
    metrics.page({"pods": 0.0}, suppressed=0)
    with metrics.timed("scale"):
        pass
    for family in metrics.registry.collect():
        labels = dict.fromkeys(label for sample in family.samples for label in sample.labels if label != "le")
        yield _row(_full_name(family.name, family.type), family.type, labels, family.documentation)


def _types(registry: CollectorRegistry) -> dict[str, str]:
    return {_full_name(family.name, family.type): family.type for family in registry.collect()}


def _full_name(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name


def _row(name: str, kind: str, labels: Iterable[str], meaning: str) -> tuple[str, ...]:
    return code(name), kind, ", ".join(code(label) for label in labels), meaning


def _refused() -> Record:
    service = Ref("scalewarden.dev/v1alpha1", "InferenceDeployment", "serving", "llama-70b")
    decision = DecisionStatus(
        time="2026-11-22T00:00:00Z", actor="alice", path="deployments/scale", from_=4, to=3, verdict=Decision.DENY,
        reason=Reason.KV_CACHE_PRESSURE,
    )  # fmt: skip
    return Record(
        outcome=Outcome.REFUSED, service=service, about=(), note="", key="", path="deployments/scale",
        verdict=Decision.DENY, reason=Reason.KV_CACHE_PRESSURE, decision=decision,
    )  # fmt: skip
