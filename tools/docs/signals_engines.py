"""The part of docs/reference/signals.md that shows engines: what each gives, and by which series."""

from collections.abc import Iterator

from scalewarden.signals.canonical import UNITS
from scalewarden.signals.engines import TABLES
from scalewarden.signals.engines.table import EngineTable, Kind, Row, Series
from tools.docs.markdown import code, table

_ENGINES = """\
## Signal × engine

● read · ◐ read with a caveat (an approximation, a newer release, or a switch) · ○ absent for good: the engine never
exports it. What decides without `kv_usage` is said above."""

_SERIES = """\
## Series of each engine

Newest spelling first; the first one with samples counts. Counters are read with and without `_total`. Where one pod
runs several data-parallel engines, *fold* says how their values become one."""

CAVEAT = {True: "◐", False: "●"}


def parts() -> Iterator[str]:
    """The matrix, then a table an engine."""
    yield _ENGINES
    tables = tuple(TABLES.values())
    rows = [(code(name), *(_mark(one.row(name)) for one in tables)) for name in UNITS]
    yield table(("signal", *(str(one.engine) for one in tables)), rows)
    yield _SERIES
    for one in tables:
        yield f"### {one.engine}"
        yield _head(one)
        if one.rows:
            yield table(("signal", "series", "fold", "note", "to get it"), [_row(row) for row in one.rows])
        if one.never:
            yield "\n".join(f"- {code(name)}: {why}" for name, why in one.never.items())


def _mark(row: Row | None) -> str:
    if row is None:
        return "○"
    return CAVEAT[bool(row.when_absent or row.switch) or all(one.late or one.about for one in row.spellings)]


def _head(one: EngineTable) -> str:
    known = code(f"{one.prefix}…") if one.prefix else " and ".join(map(code, one.marks))
    page = f"Known by series {known}" if known else "No page"
    words = [*(f"command {code(word)}" for word in one.commands), *(f"image {code(word)}" for word in one.images)]
    return f"{page}; {', '.join(words)}. No series on its page: {one.silent}. To get them: {one.switch}."


def _row(row: Row) -> tuple[str, str, str, str, str]:
    series = "<br>".join(_spelling(one, row) for one in row.spellings)
    notes = [row.when_absent, *(one.about for one in row.spellings if one.about)]
    late = ["moves when a request ends"] if any(one.late for one in row.spellings) else []
    fold = "least" if row.kind is Kind.INFO else str(row.fold)
    return code(row.signal), series, fold, "; ".join(filter(None, [*notes, *late])), row.switch


def _spelling(series: Series, row: Row) -> str:
    text = code(_selector(series))
    text += "".join(f" + {code(_selector(one))}" for one in series.plus)
    text += "".join(f" or {code(_selector(one))}, the largest" for one in series.most)
    text += "".join(f" − {code(_selector(one))}" for one in series.minus[:1])
    text += "".join(f" ÷ {code(_selector(one))}" for one in series.over[:1])
    text += f" × {series.scale:g}" if series.scale != 1.0 else ""
    text += f" ({row.kind_of(series)})"
    return f"{text}, {series.versions}" if series.versions else text


def _selector(series: Series) -> str:
    """As a PromQL selector."""
    only = ",".join(
        f'{label}=~"{"|".join(value)}"' if isinstance(value, tuple) else f'{label}="{value}"'
        for label, value in series.only.items()
    )
    return series.name + (f"{{{only}}}" if only else "")
