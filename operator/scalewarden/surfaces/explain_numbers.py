"""The long form: every number behind an evaluation, with its age, unit, threshold and source."""

from collections.abc import Iterator

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.finding import Evidence
from scalewarden.model.signal import Reading, Signal
from scalewarden.signals.freshness import age
from scalewarden.surfaces.evaluation_json import SERVICE, scopes
from scalewarden.surfaces.explain_text import ABSENT, Grid, number


def every_number(evaluation: Evaluation) -> tuple[tuple[str, Grid], ...]:
    """Heading and table: what speaks for the diagnosis and against it, what findings rest on, and every signal."""
    diagnosis, findings = evaluation.diagnosis, evaluation.findings
    told = [(finding.rule, one) for finding in findings if finding.fired for one in finding.evidence]
    parts = (
        (f"For {diagnosis.regime}", _evidence((diagnosis.regime, one) for one in diagnosis.evidence_for)),
        (f"Against {diagnosis.regime}", _evidence((diagnosis.regime, one) for one in diagnosis.evidence_against)),
        ("What the findings rest on", _evidence(iter(told))),
        ("Every signal", _signals(evaluation)),
    )
    return tuple((heading, grid) for heading, grid in parts if grid.rows)


def _evidence(told: Iterator[tuple[str, Evidence]]) -> Grid:
    headings = ("number", "by", "of", "value", "line", "unit", "source")
    rows = (
        (
            one.signal,
            by,
            one.replica or SERVICE,
            number(one.value),
            "" if one.threshold is None else number(one.threshold),
            one.unit.value,
            one.source,
        )
        for by, one in told
    )
    return Grid(headings, tuple(dict.fromkeys(rows)), ragged=True)


def _signals(evaluation: Evaluation) -> Grid:
    at = evaluation.snapshot.at
    rows = (
        (name, scope, *_cells(signals[name], at))
        for scope, signals in scopes(evaluation.snapshot)
        for name in sorted(signals)
    )
    return Grid(("signal", "of", "value", "unit", "age", "source, or why it is absent"), tuple(rows), ragged=True)


def _cells(signal: Signal, at: float) -> tuple[str, ...]:
    if isinstance(signal, Reading):
        return number(signal.value), signal.unit.value, f"{age(signal, at):.0f} s", signal.source
    return ABSENT, "", "", signal.cause
