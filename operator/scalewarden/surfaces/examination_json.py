"""An examination as the JSON document of `scalewarden doctor -o json`."""

from collections.abc import Iterable
from typing import Any

from scalewarden.model.duration import rfc3339
from scalewarden.surfaces.evaluation_json import rounded
from scalewarden.surfaces.examination import Examination, Found, Missing, summary
from scalewarden.surfaces.self_test import SelfTest, expected


def document(examination: Examination, test: SelfTest | None, notes: Iterable[str] = ()) -> dict[str, Any]:
    """The document; `replicas` of a signal is null for one of the whole service."""
    return {
        "inferenceDeployment": examination.key,
        "at": rfc3339(examination.at),
        "engine": examination.engine,
        "target": examination.target,
        "replicas": {"desired": examination.desired, "ready": examination.ready},
        "summary": summary(examination),
        "missing": list(examination.lacking),
        "missingRequired": list(examination.deciding),
        "signals": [
            *(_found(one, examination) for one in examination.found),
            *(_missing(one, examination) for one in examination.missing),
        ],
        "fence": None if test is None else _fence(test),
        "notes": list(notes),
    }


def _found(one: Found, examination: Examination) -> dict[str, Any]:
    return {
        "name": one.name,
        "scope": one.scope,
        "required": one.name in examination.required,
        "replicas": one.replicas or None,
        "min": rounded(one.least),
        "max": rounded(one.greatest),
        "unit": one.unit,
        "ageSeconds": round(one.seconds, 3),
        "stale": one.stale,
        "source": one.source,
        "absent": None,
        "remedy": None,
    }


def _missing(one: Missing, examination: Examination) -> dict[str, Any]:
    return {
        "name": one.name,
        "scope": one.scope,
        "required": one.name in examination.required,
        "replicas": one.replicas or None,
        "min": None,
        "max": None,
        "unit": None,
        "ageSeconds": None,
        "stale": False,
        "source": None,
        "absent": one.cause,
        "remedy": one.remedy,
    }


def _fence(test: SelfTest) -> dict[str, Any]:
    return {
        "asExpected": test.as_expected,
        "floor": test.floor,
        "namespaceOptedIn": test.opted_in,
        "admission": dict(test.parts),
        "gap": test.gap or None,
        "dryRuns": [
            {
                "from": one.from_,
                "to": one.to,
                "answer": one.answer,
                "message": one.text,
                "asExpected": expected(one, test.floor),
            }
            for one in test.asked
        ],
    }
