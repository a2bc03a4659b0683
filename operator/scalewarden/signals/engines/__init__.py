"""The engines that are known, and how a page or a pod template gives one away."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from scalewarden.model.workload import Engine, Workload
from scalewarden.signals.engines import (
    dynamo,
    llama_cpp,
    lmdeploy,
    nim,
    ray_serve,
    recorded,
    sglang,
    tensorrt_llm,
    tgi,
    triton,
    vllm,
)
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.sample import Scrape

TABLES: Mapping[Engine, EngineTable] = {
    table.engine: table
    for table in (
        vllm.TABLE,
        sglang.TABLE,
        tgi.TABLE,
        tensorrt_llm.TABLE,
        triton.TABLE,
        lmdeploy.TABLE,
        llama_cpp.TABLE,
        ray_serve.TABLE,
        nim.TABLE,
        dynamo.TABLE,
        llama_cpp.OLLAMA,
    )
}
"""In the order in which a page is tried: Dynamo's workers pass their engine's series on, which say more."""

RECORDED: Mapping[Engine, EngineTable] = {engine: recorded.of(table) for engine, table in TABLES.items() if table.rows}
"""The same engines, read from the series that recording rules wrote of them."""

SERVED_BY: Mapping[Engine, tuple[Engine, ...]] = {
    Engine.VLLM: (Engine.RAY_SERVE,),
    Engine.TENSORRT_LLM: (Engine.TRITON,),
    Engine.TRITON: (Engine.TENSORRT_LLM,),
    Engine.NIM: (Engine.VLLM, Engine.SGLANG),
    Engine.DYNAMO: (Engine.VLLM, Engine.SGLANG, Engine.TENSORRT_LLM),
}
"""Whose names an engine that was declared may write on its page, as it is served."""

LATE: frozenset[str] = frozenset(
    series.name
    for table in (*TABLES.values(), *RECORDED.values())
    for row in table.rows
    for series in row.spellings
    if series.late
)
"""Counters that move only when a request ends: they stand still during a long answer."""


@dataclass(frozen=True, slots=True)
class Detected:
    """An engine, the one thing that gave it away, for people, and whether its signals were recorded for us."""

    engine: Engine
    evidence: str
    recorded: bool = False

    @property
    def table(self) -> EngineTable:
        """The table to read its page with."""
        return (RECORDED if self.recorded else TABLES)[self.engine]


def detect_on_page(scrape: Scrape) -> Detected | None:
    """The engine that wrote a page, or of which a Prometheus recorded it; None where no known engine is on it."""
    known = _recorded_on(scrape)
    if known:
        return Detected(known, f"recorded series {recorded.PREFIX}… ({known})", recorded=True)
    for table in TABLES.values():
        name = table.on(scrape)
        if name:
            version = table.version(scrape)
            return Detected(table.engine, f"series {name} ({table.engine}{f' {version}' if version else ''})")
    return None


def _recorded_on(scrape: Scrape) -> Engine | None:
    """The engine of recorded series; the first in the order of pages where Prometheus recorded two."""
    names = (name for name in scrape.names if name.startswith(recorded.PREFIX))
    engines = {sample.labels.get(recorded.LABEL) for name in names for sample in scrape.named(name)}
    return next((engine for engine in TABLES if engine in engines), None)


def detect_in_template(workload: Workload) -> Detected | None:
    """The engine that a pod template starts, by its command line before its image; None where it does not say.

    Of several words the longest counts: an image `ai-dynamo/vllm-runtime` is Dynamo's.
    """
    line, image = " ".join(workload.args), (workload.image or "").lower()
    command = _longest(lambda table: (word for word in table.commands if word in line))
    if command:
        return Detected(command[1].engine, f"command `{command[0]}`")
    named = _longest(lambda table: (word for word in table.images if word in image))
    return Detected(named[1].engine, f"image {workload.image}") if named else None


def _longest(words: Callable[[EngineTable], Iterator[str]]) -> tuple[str, EngineTable] | None:
    found = [(word, table) for table in TABLES.values() for word in words(table)]
    return max(found, key=lambda one: len(one[0]), default=None)
