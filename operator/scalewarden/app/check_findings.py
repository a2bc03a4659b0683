"""What the rules say of one autoscaler or workload in a manifest, as findings with a place and a way out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.checked import LEVELS, Checked, Level
from scalewarden.model.finding import Finding, Severity
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import catalogue
from scalewarden.rules.rule import Check, Rule
from scalewarden.rules.signals import missing_engine_metrics
from scalewarden.sources.launch import Started, started
from scalewarden.sources.manifests import aibrix, nim
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.tree import child
from scalewarden.sources.workloads import serving_container
from scalewarden.surfaces.check_patches import engine_patch, patch

NEED_A_SERVICE = frozenset({"ASC605", "ASC606", "ASC609", "ASC612"})
"""Rules that say nothing without samples; ASC609 is asked once for a target."""
RULES: tuple[tuple[Rule, Check], ...] = tuple(
    (rule, check) for rule, check in catalogue.RULES if rule.code.startswith("ASC") and rule.code not in NEED_A_SERVICE
)
JOB_RULES = frozenset({"ASC602", "ASC603", "ASC607", "ASC608", "ASC610", "ASC613"})
"""Those that hold for jobs too: a job is not removed by a scaler."""
POD_AUTOSCALER_RULES = frozenset({"ASC601", "ASC602", "ASC603", "ASC607", "ASC610"})
"""AIBrix's own: when it removes is its strategy's affair, and its series have no prefix."""
EACH_METRIC = frozenset({"ASC607", "ASC613"})
"""Rules that judge each metric by itself, and are told of each."""
_LEVELS = {Severity.ERROR: Level.ERROR, Severity.WARNING: Level.WARNING, Severity.INFO: Level.NOTE}
_ASKED = {"ScaledJob": JOB_RULES, aibrix.KIND: POD_AUTOSCALER_RULES}
"""Autoscalers of which not every rule is asked."""
_LOUDER = {"ASC604": Level.WARNING}
"""Before a merge is the time to write a brake; on a running service it is information."""
_FIELD = re.compile(r"""metadata\.annotations\["[^"]+"\]|spec(?:\.\w+|\[\d+\])+""")
_BEHAVIOR = "spec.behavior"
_METRIC = re.compile(r"(?P<base>spec\.(?:\w+\.)*(?:metrics|triggers|metricsSources)\[\d+\])(?:\.(?P<kind>\w+))?")
_POD_SPECS = (
    "spec.template.spec",
    "spec.leaderWorkerTemplate.leaderTemplate.spec",
    "spec.leaderWorkerTemplate.workerTemplate.spec",
    "spec.predictor",
    "spec.template",
)
_NAMES = (".metadata.query", ".{kind}.metric.name", ".{kind}.name", ".type")
_ABOUT = dict.fromkeys(("ASC601", "ASC602", "ASC603", "ASC606", "ASC610", "ASC613"), _NAMES) | {
    "ASC608": (".metadata.ignoreNullValues", ".metadata.query", ".metadata"),
}
"""Where, inside a metric or trigger, what a rule speaks of stands; the first that is there."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An autoscaler as written, beside its target (None where that is not among the manifests) and what is known of it.

    cap: the loudest level that is fair; doubt: what a finding must add.
    """

    manifest: Manifest
    autoscaler: Autoscaler
    target: Manifest | None
    snapshot: Snapshot
    cap: Level
    doubt: str


def autoscaler_findings(judged: Judged) -> Iterator[Checked]:
    """What fires of the rules about one autoscaler."""
    asked = _ASKED.get(judged.autoscaler.kind)
    for rule, check in RULES:
        if asked is None or rule.code in asked:
            for snapshot in _each_metric(judged) if rule.code in EACH_METRIC else [judged.snapshot]:
                yield from _of(rule, check(snapshot), judged)


def _each_metric(judged: Judged) -> Iterator[Snapshot]:
    """As many snapshots as there are metrics, each with one of them."""
    for metric in judged.autoscaler.metrics:
        alone = replace(judged.autoscaler, metrics=(metric,))
        yield replace(judged.snapshot, autoscalers=(alone,))


def doubled(several: Sequence[Judged]) -> Iterator[Checked]:
    """Two autoscalers on one target."""
    rule, check = next(one for one in catalogue.RULES if one[0].code == "ASC609")
    together = replace(several[0].snapshot, autoscalers=tuple(one.autoscaler for one in several))
    yield from _of(rule, check(together), several[-1])


def _of(rule: Rule, finding: Finding, judged: Judged) -> Iterator[Checked]:
    if not finding.fired:
        return
    loud = _LEVELS[finding.severity]
    if rule.code in _LOUDER and loud is Level.NOTE and judged.autoscaler.paused is None:
        loud = _LOUDER[rule.code]
    field = _pointed(rule.code, _field(finding, judged.autoscaler), judged)
    yield Checked(
        rule=rule.code,
        name=rule.name,
        level=max(loud, judged.cap, key=LEVELS.index),
        place=judged.manifest.place(field),
        object=judged.manifest.label,
        message=finding.message + judged.doubt,
        remedy=rule.remedy,
        patch=patch(
            rule.code,
            judged.autoscaler,
            judged.snapshot.engine,
            judged.manifest.namespace,
            {one.signal for one in finding.evidence},
        ),
        field=field,
    )


def _field(finding: Finding, autoscaler: Autoscaler) -> str:
    """The path that a finding is about, in the words of the object that it stands in."""
    told = (*(evidence.source or "" for evidence in finding.evidence), finding.message)
    found = next((match.group() for text in told if (match := _FIELD.search(text))), "spec")
    if found.startswith(_BEHAVIOR) and autoscaler.kind in ("ScaledObject", "ScaledJob"):
        return found.replace(_BEHAVIOR, "spec.advanced.horizontalPodAutoscalerConfig.behavior")
    if autoscaler.kind == nim.KIND and not found.startswith(nim.HPA):
        return found.replace("spec", nim.HPA, 1)
    return found


def _pointed(code: str, field: str, judged: Judged) -> str:
    """What a rule is about within a metric: its name or query, or the trigger's settings, not the target's number."""
    base = _METRIC.match(field)
    if base is None or code not in _ABOUT:
        return field
    tails = (tail.format(kind=base.group("kind") or "") for tail in _ABOUT[code])
    inside = (f"{base.group('base')}{tail}" for tail in tails)
    return next((one for one in inside if judged.manifest.holds(one)), field)


def engine_findings(workload: Manifest, template: Any, *, needed: bool) -> Iterator[Checked]:
    """An engine whose metrics are off: nothing can be judged, and autoscalers that read them read nothing."""
    container = serving_container(child(template, "spec"))
    engines = started(container)
    why = next((off for one in engines if (off := Started.metrics_off(one))), None)
    if why is None:
        return
    rule = missing_engine_metrics.RULE
    explicit = why.endswith("is set")
    yield Checked(
        rule=rule.code,
        name=rule.name,
        level=Level.WARNING if explicit or needed else Level.NOTE,
        place=_argument(workload, container, why),
        object=workload.label,
        message=f"{engines[0].launch.runtime} exports no metrics: {why}",
        remedy=rule.remedy,
        patch=engine_patch(why),
        field="args",
    )


def _argument(workload: Manifest, container: Any, why: str) -> Any:
    """The line of the argument that switches them off, else that of the container's arguments or image."""
    flag = why.partition("`")[2].partition("`")[0].partition("=")[0]
    path, index = _container_path(workload, container)
    for key in ("args", "command", "env"):
        for position, word in enumerate(container.get(key) or ()):
            if flag in str(word):
                return workload.place(f"{path}[{index}].{key}[{position}]")
    return workload.place(f"{path}[{index}].args" if container.get("args") else f"{path}[{index}].image")


def _container_path(workload: Manifest, container: Any) -> tuple[str, int]:
    for path in _POD_SPECS:
        listed = child(workload.value, *path.split(".")).get("containers") or ()
        for index, one in enumerate(listed):
            if one is container or one == container:
                return f"{path}.containers", index
    return "spec", 0
