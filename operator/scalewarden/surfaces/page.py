"""The operator's web page: every service in a table, and one service as `explain` shows it. Pure; no script, no address
but its own."""

from collections.abc import Sequence

from scalewarden.model.crd import InferenceDeployment
from scalewarden.surfaces.explain_list import HEADINGS, NONE, WIDE, Listed, row
from scalewarden.surfaces.explain_text import ABSENT, Chain, Grid, Line
from scalewarden.surfaces.explain_text_status import chain_of
from scalewarden.surfaces.report_html import escaped, table
from scalewarden.surfaces.report_style import CSS

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
EVERY = 15
"""Seconds after which a browser asks again: as often as an operator evaluates."""
_KINDS = {"Allow": "Allow", "Hold": "Hold", "Deny": "Deny", "Refused": "Deny"}


def index(listed: Sequence[Listed]) -> str:
    """All services, by namespace and name, each a link to its own page."""
    ordered = sorted(listed, key=lambda one: (one.found.namespace, one.found.name))
    rows = [_row(one) for one in ordered]
    text = table(("service", *HEADINGS[1:], *WIDE), rows) if rows else "<p class=soft>No service is described.</p>"
    return _page("Scalewarden", f"<h1>Scalewarden</h1><p class=soft>{len(rows)} services</p>{text}")


def service(found: InferenceDeployment, now: float) -> str:
    """One service; `now` is unix seconds."""
    if found.status.last_evaluation_time is None:
        body = f"<h1>{escaped(found.key)}</h1><p>It was not evaluated yet.</p>"
    else:
        body = _chain(chain_of(found, now))
    return _page(found.key, f'<p><a href="../../">all services</a></p>{body}')


def missing(what: str) -> str:
    """In place of a service that is not there."""
    return _page("Scalewarden", f'<p><a href="../../">all services</a></p><p>There is no service {escaped(what)}.</p>')


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{EVERY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{CSS}</style></head><body><main>{body}</main></body></html>"
    )


def _row(one: Listed) -> list[tuple[str, str]]:
    found = one.found
    link = f'<a href="services/{escaped(found.namespace)}/{escaped(found.name)}">{escaped(found.key)}</a>'
    *cells, message = (ABSENT if cell == NONE else cell for cell in row(one, wide=True)[1:])
    return [("nb", link), *(("nb", escaped(cell)) for cell in cells), ("w", escaped(message))]


def _chain(chain: Chain) -> str:
    parts = [
        f"<h1>{escaped(chain.title)}</h1><p class=soft>{escaped(chain.context)}</p>",
        f'<p class=lead><span class="b {_KINDS.get(chain.verdict.status, "")}">{escaped(chain.verdict.status)}</span> '
        f"{escaped(chain.verdict.subject)}: {escaped(chain.verdict.message)}</p>",
        _notes("What to do", chain.to_do),
        "<h2>What is measured</h2>", _grid(chain.measured), _notes("", chain.measured_notes),
        "<h2>What it means</h2>", _lines((chain.meaning, *chain.findings)), _notes("", chain.finding_notes),
        f"<h2>What would happen: {escaped(chain.question)}</h2>", _grid(chain.tests), _notes("", chain.test_notes),
        "<h2>What was asked lately</h2>" if chain.history else "", _lines(chain.history),
    ]  # fmt: skip
    return "".join(parts)


def _grid(grid: Grid) -> str:
    if not grid.rows:
        return ""
    kinds = ["n" if all(map(_is_number, column)) else "w" for column in zip(*grid.rows, strict=True)]
    rows = [[(kind, escaped(cell)) for kind, cell in zip(kinds, one, strict=True)] for one in grid.rows]
    return table(grid.headings, rows)


def _is_number(cell: str) -> bool:
    return not cell or cell == ABSENT or cell.replace(".", "", 1).isdecimal()


def _lines(lines: Sequence[Line]) -> str:
    rows = [[("nb", escaped(one.status)), ("w", escaped(one.subject)), ("w", escaped(one.message))] for one in lines]
    return table(("", "", ""), rows) if rows else ""


def _notes(heading: str, notes: Sequence[str]) -> str:
    title = f"<h2>{heading}</h2>" if heading and notes else ""
    return title + "".join(f"<p>{escaped(note)}</p>" for note in notes)
