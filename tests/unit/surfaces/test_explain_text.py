"""What people read of findings: rules that are silent for one reason share a line, and tables keep numbers whole."""

from io import StringIO

import pytest
from rich.console import Console

from scalewarden.surfaces.explain_text import Chain, Grid, Line, merged, show
from scalewarden.surfaces.what_if_text import HEADINGS

NO_GPU = "no GPU is measured"


def test_rules_that_cannot_speak_for_one_reason_share_a_line() -> None:
    lines = (
        Line("Fired", "KVC201 kv-cache-pressure", "full"),
        Line("Unknown", "UTL101 low-utilization-not-spare", NO_GPU),
        Line("Unknown", "KVC203 shrinking-kv-headroom", "young data"),
        Line("Unknown", "UTL102 busy-without-throughput", NO_GPU),
        Line("Unknown", "UTL103 oscillating-utilization", NO_GPU),
    )
    assert merged(lines) == (
        lines[0],
        Line("Unknown", "UTL101, UTL102, UTL103", NO_GPU),
        lines[2],
    )


def test_what_fired_keeps_a_line_of_its_own() -> None:
    lines = (Line("Fired", "ASC602 utilization-target", "same"), Line("Fired", "ASC610 utilization-under-mig", "same"))
    assert merged(lines) == lines


BUSY = Grid(
    HEADINGS,
    (
        ("7", "0.62 (0.55–0.62)", "0.0", "22 (12–25)", "41 (38–44)", "52 (46–58)", "Allow KVCacheUsage"),
        ("3 (safe)", "1.75 (1.62–1.75)", "12.0 (0.0–12.0)", "102 (82–125)", "141 (98–144)", "252 (146–258)", "Deny"),
        ("2", "2.31 (1.99–2.31)", "18.0 (0.0–18.0)", "152 (98–185)", "201 (98–204)", "–", "Deny WaitingPerReplica"),
    ),
)


@pytest.mark.parametrize("width", [80, 100])
def test_no_number_of_a_table_breaks_in_the_middle(width: int) -> None:
    said = _printed(BUSY, width)
    assert max(map(len, said.splitlines())) <= width
    words = {word for row in (BUSY.headings, *BUSY.rows) for cell in row for word in cell.split()}
    assert set(said.split()) == words


def test_a_table_that_fits_is_not_broken() -> None:
    assert "0.62 (0.55–0.62)" in _printed(Grid(BUSY.headings[:3], tuple(row[:3] for row in BUSY.rows)), 80)


def test_what_can_fit_nowhere_is_folded_but_never_too_wide() -> None:
    said = _printed(Grid(("replica", "KV peak"), (("llama-" + "x" * 90, "0.62"),)), 80)
    assert max(map(len, said.splitlines())) <= 80 and "0.62" in said


def _printed(grid: Grid, width: int) -> str:
    chain = Chain("serving/svc", "", Line("Idle", "", ""), "8 → 2", Line("Deny", "", ""), (), tests=grid)
    out = StringIO()
    show(chain, Console(file=out, width=width, color_system=None, highlight=False, markup=False))
    return _table(out.getvalue())


def _table(screen: str) -> str:
    """The lines of the only table: they stand after the verdict's."""
    lines = screen.partition("What would happen")[2].partition("What to do")[0].splitlines()
    return "\n".join(line.rstrip() for line in lines[2:])
