"""Suggestions as the objects that they are, judged as the guard would judge them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from scalewarden.judgement.evaluate import judge_autoscaler
from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.finding import Finding
from scalewarden.model.policy import Policy
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules.catalogue import RULES
from scalewarden.signals.engines import TABLES
from scalewarden.sources.autoscalers import READERS
from scalewarden.surfaces.suggest import Kind, Nothing, Suggestion, suggest
from scalewarden.surfaces.suggest_hpa import hpa
from scalewarden.surfaces.suggest_keda import scaled_object

Object = dict[str, Any]
KINDS = tuple(Kind)
ENGINES = tuple(engine for engine, table in TABLES.items() if table.rows)
"""Those that show anything."""


def suggestion(
    snapshot: Snapshot, kind: Kind = Kind.HPA, policy: Policy | None = None, safe: int | None = None
) -> Suggestion:
    """What is suggested; fails where nothing is."""
    found = suggest(snapshot, TABLES.get(snapshot.engine), kind, policy or Policy(), safe)
    assert isinstance(found, Suggestion), found
    return found


def nothing(snapshot: Snapshot) -> str:
    """Why nothing is; fails where something is."""
    found = suggest(snapshot, TABLES.get(snapshot.engine), Kind.HPA, Policy())
    assert isinstance(found, Nothing), found
    return found.why


def text(found: Suggestion, kind: Kind) -> str:
    """As it is printed."""
    return hpa(found) if kind is Kind.HPA else scaled_object(found)


def written(found: Suggestion, kind: Kind) -> Object:
    """The object that is read out of what is printed."""
    read = yaml.safe_load(text(found, kind))
    assert read["kind"] == kind
    return dict(read)


def targets(found: Suggestion) -> dict[SignalName, float]:
    """The targets of the engine's metrics."""
    return {one.followed.signal: one.target.value for one in found.metrics}


def judged(obj: Mapping[str, Any], snapshot: Snapshot) -> tuple[Finding, ...]:
    """What each rule about autoscalers says once it has taken the place of those that are there."""
    autoscaler: Autoscaler = READERS[obj["kind"]](obj)
    target = snapshot.target
    assert (autoscaler.target_kind, autoscaler.target_name) == (target.kind, target.name)
    findings = judge_autoscaler(replace(snapshot, autoscalers=()), autoscaler).findings
    assert [finding.rule for finding in findings] == [rule.code for rule, _ in RULES if rule.code.startswith("ASC")]
    return findings
