"""A replay on one screen: the answer in a sentence, then each service with its decreases."""

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scalewarden.model.verdict import Decision
from scalewarden.surfaces.explain_text import INDENT, WIDTH, counted, number
from scalewarden.surfaces.replay_json_models import DecisionDocument, ReplayDocument, ServiceDocument, TotalsDocument

MOST = 12
"""Decreases of one service that are listed on the screen; the JSON and the report have all."""
_STYLES = {Decision.ALLOW: "green", Decision.HOLD: "yellow", Decision.DENY: "red"}
_HEADINGS = ("when (UTC)", "replicas", "answer", "reason", "KV said", "KV came", "what became of it")


def text(found: ReplayDocument) -> str:
    """The screen as plain text."""
    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False, no_color=True, force_terminal=False)
    with console.capture() as captured:
        show(found, console)
    return captured.get().rstrip("\n")


def show(found: ReplayDocument, console: Console) -> None:
    """Print it; readable without colour."""
    console.print(Text(f"{found.source}, {_short(found.from_)} to {_short(found.to)} UTC", style="bold"))
    console.print(said(found.summary))
    for service in found.services:
        console.print()
        _service(service, console)
    if found.notes:
        console.print()
    for note in found.notes:
        console.print(note, style="dim")


def said(totals: TotalsDocument) -> str:
    """What would have happened, in two sentences."""
    if not totals.decreases:
        return f"No replica count fell on {counted(totals.services, 'service')} ({totals.evaluations:,} evaluations)."
    parts = [f"{counted(totals.decreases, 'decrease')} on {counted(totals.services, 'service')}: "]
    parts.append(f"{totals.allowed} would have passed, {totals.refused} been refused, {totals.held} held.")
    if totals.refused + totals.held:
        parts.append(f" {_stopped(totals)}. To stop them is to hold {_hours(totals)}.")
    if totals.regretted:
        parts.append(f" {totals.regretted} that would have passed hurt.")
    return "".join(parts)


def _stopped(totals: TotalsDocument) -> str:
    stopped, known = totals.refused + totals.held, totals.avoided + totals.needless
    if not known:
        return f"What came of the {stopped} stopped is not known"
    rest = f", of {stopped - known} it is not known" if stopped > known else ""
    return f"Of the {stopped} stopped, {totals.avoided} hurt the replicas that stayed, {totals.needless} did not{rest}"


def _hours(totals: TotalsDocument) -> str:
    if totals.gpu_hours_held is None:
        return f"{totals.replica_hours_held:.1f} replica-hours"
    return f"{totals.gpu_hours_held:.1f} GPU-hours, {totals.gpu_hours_held_needlessly or 0.0:.1f} of them needlessly"


def _service(one: ServiceDocument, console: Console) -> None:
    console.print(Text.assemble((one.inference_deployment, "bold"), "  ", ", ".join(_about(one))))
    if one.decisions:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for heading in _HEADINGS:
            table.add_column(heading, justify="right" if heading.startswith("KV") else "left", overflow="fold")
        for decision in one.decisions[:MOST]:
            table.add_row(*_row(decision))
        console.print(Padding(table, (0, 0, 0, INDENT)))
        if len(one.decisions) > MOST:
            console.print(f"{' ' * INDENT}… {len(one.decisions) - MOST} more: -o json or -o html has all")
    for line in _lines(one):
        console.print(f"{' ' * INDENT}{line}")


def _about(one: ServiceDocument) -> Iterator[str]:
    yield one.target
    yield one.engine or "engine unknown"
    yield f"mode {one.mode}"
    if not one.decisions:
        yield "no decrease"


def _row(one: DecisionDocument) -> tuple[str | Text, ...]:
    outcome = f"{one.outcome}: {one.outcome_why}" if one.outcome_why else str(one.outcome)
    return (
        _short(one.at),
        f"{one.from_} → {one.to}",
        Text(one.decision, style=_STYLES[one.decision]),
        one.reason,
        number(one.predicted_kv, 2),
        number(one.measured_kv, 2),
        outcome,
    )


def _lines(one: ServiceDocument) -> Iterator[str]:
    invited = {kind: count for kind, count in one.totals.misinterpretations.items() if count}
    if invited:
        yield "misreadings invited: " + ", ".join(f"{kind} {count}×" for kind, count in invited.items())
    if one.gaps:
        first = one.gaps[0]
        yield f"nothing was seen {counted(len(one.gaps), 'time')}, first from {_short(first.from_)}: {first.why}"


def _short(instant: str) -> str:
    """`2026-11-21 23:00:15`, without the zone."""
    return instant.replace("T", " ").removesuffix("Z")
