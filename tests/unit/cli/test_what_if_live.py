"""`scalewarden what-if` of a live service: what is read, what cannot be, and what the operator knew before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from scalewarden.app.live import Live
from scalewarden.cli.looking import looked
from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_service import SourceChoice
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.verdict import Decision, Reason
from scalewarden.sources.base import MetricsSource
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_api import PrometheusOptions
from tests.unit.app.service import NAMESPACE, Pages, Service

NOBODY = "http://127.0.0.1:1"
"""Where nothing listens."""


async def asked(
    to: int, source: MetricsSource, choice: SourceChoice = SourceChoice.SCRAPE
) -> tuple[Evaluation, tuple[str, ...]]:
    """The answer for four replicas of which `to` are to stay, and its notes."""
    service = Service(replicas=4)
    found = InferenceDeployment.parse(service.held(INFERENCE_DEPLOYMENTS, "llama"))
    live = Live(cast(Any, service.api), NAMESPACE, "llama", source, choice)
    snapshot, notes = await looked(live, found, 0.0)
    intent = Intent(snapshot.replicas_desired, to, Actor.USER, "deployments/scale")
    return evaluate(replace(snapshot, intent=intent), found.policy), notes


async def test_the_pressure_of_a_live_service_refuses() -> None:
    evaluation, notes = await asked(3, Pages(kv=0.9))
    assert (evaluation.verdict.decision, evaluation.verdict.reason) == (Decision.DENY, Reason.KV_CACHE_PRESSURE)
    assert evaluation.verdict.safe_replicas == 4
    assert [note for note in notes if "could not be read" in note or "gave no page" in note] == []
    assert any("no operator judged this service" in note for note in notes)


async def test_room_in_a_live_service_allows_up_to_the_safe_count() -> None:
    answers = [(await asked(to, Pages(kv=0.2)))[0].verdict for to in (3, 2, 1)]
    assert [answer.decision for answer in answers] == [Decision.ALLOW, Decision.ALLOW, Decision.DENY]
    assert {answer.safe_replicas for answer in answers} == {2}


async def test_metrics_that_cannot_be_read_hold_and_say_why() -> None:
    source = PrometheusSource(PrometheusOptions(NOBODY))
    try:
        evaluation, notes = await asked(3, source, SourceChoice.PROMETHEUS)
    finally:
        await source.close()
    assert (evaluation.verdict.decision, evaluation.verdict.reason) == (Decision.HOLD, Reason.SIGNALS_MISSING)
    assert notes[0].startswith("Prometheus could not be read: ") and NOBODY in notes[0]


async def test_growth_is_never_refused_even_when_blind() -> None:
    source = PrometheusSource(PrometheusOptions(NOBODY))
    try:
        evaluation, _ = await asked(5, source, SourceChoice.PROMETHEUS)
    finally:
        await source.close()
    assert (evaluation.verdict.decision, evaluation.verdict.reason) == (Decision.ALLOW, Reason.NOT_A_DECREASE)
