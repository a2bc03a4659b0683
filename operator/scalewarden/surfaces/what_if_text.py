"""A what-if on one screen: the answer, then what every count in between would come to."""

from collections.abc import Iterator

from rich.console import Console

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.verdict import Decision, Range, Verdict
from scalewarden.surfaces.explain_text import Chain, Grid, Line, counted, number
from scalewarden.surfaces.explain_text import show as show_chain
from scalewarden.surfaces.explain_text_evaluation import context, question

Rows = tuple[tuple[int, Verdict], ...]

HEADINGS = ("replicas", "KV cache", "waiting", "batch %", "tokens/s %", "ITL p95 ms", "answer", "binds")


def show(evaluation: Evaluation, rows: Rows, console: Console, notes: tuple[str, ...] = ()) -> None:
    """Print the answer and the table; readable without colour, never wider than the console."""
    show_chain(_chain(evaluation, rows, notes), console)


def _chain(evaluation: Evaluation, rows: Rows, notes: tuple[str, ...]) -> Chain:
    verdict, diagnosis = evaluation.verdict, evaluation.diagnosis
    return Chain(
        title=evaluation.snapshot.key,
        context=context(evaluation.snapshot),
        meaning=Line(diagnosis.regime, f"confidence {diagnosis.confidence}", diagnosis.summary),
        question=question(evaluation.snapshot),
        verdict=Line(verdict.decision, verdict.reason, verdict.message),
        tests=Grid(HEADINGS, tuple(_row(to, one, verdict.safe_replicas) for to, one in rows)),
        test_notes=(*_legend(rows), *notes),
        to_do=tuple(_to_do(evaluation)),
    )


def _row(to: int, verdict: Verdict, safe: int) -> tuple[str, ...]:
    predicted, ranges = verdict.predicted, verdict.predicted.uncertainty
    itl, spread = predicted.inter_token_latency, ranges.inter_token_latency
    return (
        f"{to} (safe)" if to == safe else str(to),
        between(predicted.kv_cache_usage, ranges.kv_cache_usage, 1.0, 2),
        between(predicted.waiting_per_replica, ranges.waiting_per_replica, 1.0, 1),
        between(predicted.concurrency, ranges.concurrency, 100.0, 0),
        between(predicted.throughput, ranges.throughput, 100.0, 0),
        between(itl, spread, 1000.0, 0),
        str(verdict.decision),
        str(verdict.binding_test or ""),
    )


def between(value: float | None, found: Range | None, scale: float, decimals: int) -> str:
    """`0.83 (0.71–0.83)`: the number and between what it lies, where that says more than the number."""
    if value is None or found is None:
        return number(None) if value is None else f"{value * scale:.{decimals}f}"
    said, low, high = (f"{one * scale:.{decimals}f}" for one in (value, *found))
    return said if low == high == said else f"{said} ({low}–{high})"


def _legend(rows: Rows) -> Iterator[str]:
    if any(one.predicted.uncertainty.kv_cache_usage for _, one in rows):
        yield "Of the replicas that stay the worst one; in brackets between what it lies."
    yield "batch %: share of the batch limit. tokens/s %: share of what a replica sustains."
    if any(one.predicted.kv_cache_usage is not None and one.predicted.kv_cache_usage > 1 for _, one in rows):
        yield "KV cache over 1.00: the cache would be full, and requests would queue or be preempted."


def _to_do(evaluation: Evaluation) -> Iterator[str]:
    verdict, desired = evaluation.verdict, evaluation.snapshot.replicas_desired
    if verdict.decision is Decision.ALLOW:
        yield "Nothing stands against it."
    elif verdict.safe_replicas < desired:
        yield f"Go no lower than {counted(verdict.safe_replicas, 'replica')} now."
    else:
        yield f"Keep {counted(desired, 'replica')} now."
        yield evaluation.diagnosis.advice
