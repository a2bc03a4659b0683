"""A what-if as the JSON document of `scalewarden what-if -o json`."""

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.verdict import Verdict
from scalewarden.surfaces.evaluation_json import document, verdict_of
from scalewarden.surfaces.evaluation_json_models import (
    Count,
    DiagnosisDocument,
    Document,
    IntentDocument,
    ReplicaCounts,
    VerdictDocument,
)


class RowDocument(Document):
    """What going to `replicas` would come to."""

    replicas: Count
    verdict: VerdictDocument


class WhatIfDocument(Document):
    """The verdict for the count that was asked for, and for those on the way there, descending."""

    inference_deployment: str
    at: str
    replicas: ReplicaCounts
    diagnosis: DiagnosisDocument
    intent: IntentDocument
    verdict: VerdictDocument
    counts: list[RowDocument]
    notes: list[str]


def to_json(evaluation: Evaluation, rows: tuple[tuple[int, Verdict], ...], notes: tuple[str, ...]) -> str:
    """The document as indented JSON text."""
    found = document(evaluation)
    return WhatIfDocument(
        inference_deployment=found.inference_deployment,
        at=found.at,
        replicas=found.replicas,
        diagnosis=found.diagnosis,
        intent=found.intent,
        verdict=found.verdict,
        counts=[RowDocument(replicas=to, verdict=verdict_of(one)) for to, one in rows],
        notes=list(notes),
    ).model_dump_json(by_alias=True, indent=2)
