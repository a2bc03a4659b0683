"""A what-if on one screen: the answer, then what every count in between would come to."""

from collections.abc import Iterator

from rich.console import Console

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.verdict import Decision, Range, Verdict
from scalewarden.surfaces.explain_text import ABSENT, Chain, Grid, Line, keep, number
from scalewarden.surfaces.explain_text import show as show_chain
from scalewarden.surfaces.explain_text_evaluation import context, question

Rows = tuple[tuple[int, Verdict], ...]

HEADINGS = ("replicas", "KV cache", "waiting", "batch %", "tokens/s %", "ITL p95 ms", "answer")


def show(evaluation: Evaluation, rows: Rows, console: Console, notes: tuple[str, ...] = ()) -> None:
    """Print the answer and the table; readable without colour, never wider than the console."""
    show_chain(_chain(evaluation, rows, notes), console)


def _chain(evaluation: Evaluation, rows: Rows, notes: tuple[str, ...]) -> Chain:
    verdict, diagnosis = evaluation.verdict, evaluation.diagnosis
    table = Grid(HEADINGS, tuple(_row(to, one, verdict.safe_replicas) for to, one in rows))
    return Chain(
        title=evaluation.snapshot.key,
        context=context(evaluation.snapshot),
        meaning=Line(diagnosis.regime, f"confidence {diagnosis.confidence}", diagnosis.summary),
        question=question(evaluation.snapshot),
        verdict=Line(verdict.decision, verdict.reason, verdict.message),
        tests=_known(table),
        test_notes=(*_unknown(table), *_legend(rows), *notes),
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
        f"{verdict.decision} {verdict.binding_test or ''}".rstrip(),
    )


def _columns(table: Grid, *, known: bool) -> list[int]:
    """Columns with a number in any row, or those without one."""
    empty = {index for index in range(len(table.headings)) if all(row[index] == ABSENT for row in table.rows)}
    return [index for index in range(len(table.headings)) if (index in empty) is not known]


def _known(table: Grid) -> Grid:
    """Without the columns that would hold dashes only: they would take the room of numbers."""
    kept = _columns(table, known=True)
    return Grid(tuple(table.headings[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in table.rows))


def _unknown(table: Grid) -> Iterator[str]:
    missing = [table.headings[index] for index in _columns(table, known=False)]
    if missing:
        yield f"Nothing is known of {', '.join(missing)}."


def between(value: float | None, found: Range | None, scale: float, decimals: int) -> str:
    """`0.83 (0.71–0.83)`: the number and between what it lies, where that says more than the number."""
    if value is None or found is None:
        return number(None) if value is None else f"{value * scale:.{decimals}f}"
    said, low, high = (f"{one * scale:.{decimals}f}" for one in (value, *found))
    return said if low == high == said else f"{said} ({low}–{high})"


def _legend(rows: Rows) -> Iterator[str]:
    if any(one.predicted.uncertainty.kv_cache_usage for _, one in rows):
        yield "Of the replicas that stay the worst one; in brackets between what it lies."
    if any(one.predicted.concurrency is not None for _, one in rows):
        yield "batch %: share of the batch limit."
    if any(one.predicted.throughput is not None for _, one in rows):
        yield "tokens/s %: share of what a replica sustains."
    if any(one.predicted.kv_cache_usage is not None and one.predicted.kv_cache_usage > 1 for _, one in rows):
        yield "KV cache over 1.00: the cache would be full, and requests would queue or be preempted."
    for to, one in rows:
        ttft, spread = one.predicted.time_to_first_token, one.predicted.uncertainty.time_to_first_token
        if spread and spread.low < spread.high:
            said = between(ttft, spread, 1000.0, 0)
            yield f"TTFT p95 at {to}: {said} ms, cached prefixes being lost with the replicas that go."


def _to_do(evaluation: Evaluation) -> Iterator[str]:
    verdict, desired = evaluation.verdict, evaluation.snapshot.replicas_desired
    if verdict.decision is Decision.ALLOW:
        yield "Nothing stands against it."
        return
    yield keep(verdict.safe_replicas, desired)
    if verdict.safe_replicas >= desired:
        yield evaluation.diagnosis.advice
