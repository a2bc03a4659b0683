"""Incidents from the field, judged as an expert would: unsafe ones refused by the right test, safe ones allowed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.finding import Status
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from tests.rules import loader

INCIDENTS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("incidents.yaml").read_text(encoding="utf-8"))


def judged(incident: dict[str, Any]) -> Evaluation:
    snapshot = loader.snapshot(incident["given"])
    to = incident.get("to", snapshot.replicas_desired - 1)
    asked = Intent(snapshot.replicas_desired, to, Actor.AUTOSCALER)
    return evaluate(replace(snapshot, intent=asked), Policy())


def told(found: Evaluation, expect: dict[str, Any]) -> dict[str, Any]:
    """What was said, in the words of what is expected."""
    verdict, status = found.verdict, {finding.rule: finding.status for finding in found.findings}
    said = {
        "decision": str(verdict.decision),
        "reason": str(verdict.reason),
        "binds": str(verdict.binding_test),
        "regime": str(found.diagnosis.regime),
        "safe": verdict.safe_replicas,
        "fired": [rule for rule in expect.get("fired", ()) if status[rule] is Status.FIRED],
        "clear": [rule for rule in expect.get("clear", ()) if status[rule] is not Status.FIRED],
    }
    return {key: said[key] for key in expect}


@pytest.mark.parametrize("incident", INCIDENTS, ids=[one["incident"] for one in INCIDENTS])
def test_an_incident_is_judged_as_an_expert_would(incident: dict[str, Any]) -> None:
    found = judged(incident)
    assert told(found, incident["expect"]) == incident["expect"], (incident["why"], found.verdict.message)


def test_safe_and_unsafe_are_both_many() -> None:
    decisions = [one["expect"]["decision"] for one in INCIDENTS]
    assert decisions.count("Deny") >= 10 and decisions.count("Allow") >= 8 and decisions.count("Hold") >= 4
    assert all(one["source"] and one["why"] for one in INCIDENTS)
    assert sum("reported" in one for one in INCIDENTS) >= 20
