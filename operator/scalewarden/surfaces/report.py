"""A replay as one HTML page that works by itself: no script, no network, light and dark, narrow, wide and on paper."""

from collections.abc import Iterator

from scalewarden.model.finding import Misinterpretation
from scalewarden.surfaces.explain_text import ABSENT
from scalewarden.surfaces.replay_json_models import ReplayDocument, TotalsDocument
from scalewarden.surfaces.replay_text import said
from scalewarden.surfaces.report_html import escaped, table
from scalewarden.surfaces.report_scale import date
from scalewarden.surfaces.report_service import ServiceSection
from scalewarden.surfaces.report_style import CSS

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MISREADINGS = {
    Misinterpretation.LOW_UTILIZATION_IS_WASTE: "low utilization is wasted capacity",
    Misinterpretation.HIGH_UTILIZATION_IS_GOOD: "high utilization is good performance",
    Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN: "low utilization means scale down",
    Misinterpretation.CPU_AUTOSCALING_HELPS: "autoscaling on CPU helps",
    Misinterpretation.MIG_UTILIZATION_IS_CAPACITY: "utilization looks fine, so capacity is fine (MIG)",
}


def to_html(document: ReplayDocument) -> str:
    """The page. Pure: the same document gives the same page."""
    title = "What Scalewarden would have done"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escaped(POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{CSS}</style></head><body><main>"
        f"<h1>{title}</h1><p class=soft>{escaped(document.source)} · {date(document.from_)} to "
        f"{date(document.to)} UTC · one evaluation every {document.step_seconds:g} s</p>"
        f"<p class=lead>{escaped(said(document.summary))}</p>{_tiles(document.summary)}"
        f"{_misreadings(document.summary)}{_index(document)}{''.join(_sections(document))}{_notes(document)}"
        f"<footer>Scalewarden {escaped(document.version)}. D refused, H held, A would have passed. Hatched: nothing "
        "was known. A decrease is judged by what was known just before it; what became of it is what really followed."
        "</footer></main></body></html>"
    )


def _tiles(totals: TotalsDocument) -> str:
    hours = totals.gpu_hours_held if totals.gpu_hours_held is not None else totals.replica_hours_held
    unit = "GPU-hours held" if totals.gpu_hours_held is not None else "Replica-hours held"
    needless = totals.gpu_hours_held_needlessly
    tiles = (
        ("Decreases", str(totals.decreases), "of replica counts, as they were made"),
        ("Would be stopped", str(totals.refused + totals.held), f"{totals.refused} refused, {totals.held} held"),
        ("Harm avoided", str(totals.avoided), "stopped, and they hurt"),
        ("Held needlessly", str(totals.needless), "stopped, and they did not"),
        (unit, f"{hours:,.1f}", "" if needless is None else f"{needless:,.1f} of them needlessly"),
    )
    inner = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{small}</small></dd></div>" for name, value, small in tiles)
    return f"<dl class=tiles>{inner}</dl>"


def _misreadings(totals: TotalsDocument) -> str:
    rows = [
        [("nb", kind.value), ("w", words), ("n", f"{totals.misinterpretations.get(kind, 0)}")]
        for kind, words in MISREADINGS.items()
    ]
    return (
        "<h2>The five misreadings</h2><p class=soft>How often a signal invited one of them, as stretches of time in "
        f"which a rule fired.</p>{table(('', 'which says', 'times'), rows, 'small')}"
    )


def _index(document: ReplayDocument) -> str:
    if len(document.services) < 2:
        return ""
    rows = [
        [
            ("w", f'<a href="#s{number}">{escaped(one.inference_deployment)}</a>'),
            ("n", str(one.totals.decreases)),
            ("n", str(one.totals.refused + one.totals.held)),
            ("n", str(one.totals.avoided)),
            ("n", str(one.totals.needless)),
            ("n", ABSENT if one.totals.gpu_hours_held is None else f"{one.totals.gpu_hours_held:,.1f}"),
        ]
        for number, one in enumerate(document.services, 1)
    ]
    headings = ("service", "decreases", "stopped", "avoided", "needless", "GPU-hours held")
    return f"<h2>Services</h2>{table(headings, rows, 'cards brief')}"


def _sections(document: ReplayDocument) -> Iterator[str]:
    if document.services:
        yield "<h2>What happened</h2>"
    nobody = not any(one.decisions for one in document.services)
    for number, one in enumerate(document.services, 1):
        opened = bool(one.decisions) or (nobody and number == 1)
        yield ServiceSection(one, document.from_, document.to).html(number, opened=opened)


def _notes(document: ReplayDocument) -> str:
    if not document.notes:
        return ""
    inner = "".join(f"<li>{escaped(note)}</li>" for note in document.notes)
    return f"<h2>To know</h2><ul>{inner}</ul>"
