"""vLLM under Ray Serve: vLLM's table with the names as Ray's agent writes them.

`ray_` comes in front, and a colon becomes an underscore (older releases keep it). A counter is missing until it first
counts, so that one that appears counted from zero. The page is the node agent's: its series are those of all replicas
on the pod.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from scalewarden.model.workload import Engine
from scalewarden.signals.engines import vllm
from scalewarden.signals.engines.table import EngineTable, Row, Series
from scalewarden.signals.sample import Sample, Scrape

T = TypeVar("T")


def ray_name(name: str) -> str:
    """A name of vLLM's as Ray writes it."""
    return f"ray_{name.replace(':', '_')}"


def old_ray_name(name: str) -> str:
    """A name of vLLM's as older releases of Ray write it: the colon stays."""
    return f"ray_{name}"


def _series(series: Series, named: Callable[[str], str]) -> Series:
    def renamed(parts: tuple[Series, ...]) -> tuple[Series, ...]:
        return tuple(_series(part, named) for part in parts)

    plus, minus, over, most = map(renamed, (series.plus, series.minus, series.over, series.most))
    return replace(series, name=named(series.name), plus=plus, minus=minus, over=over, most=most)


def _row(row: Row) -> Row:
    return replace(row, spellings=tuple(_series(one, named) for named in _NAMES for one in row.spellings))


_NAMES = (ray_name, old_ray_name)


def _as_vllm(read: Callable[[Scrape], T]) -> Callable[[Scrape], T]:
    """A reader of vLLM's pages for Ray's."""
    names = {named(name): name for named in _NAMES for name in vllm.TABLE.names}

    def reading(scrape: Scrape) -> T:
        told = (Sample(names[one.name], one.labels, one.value) for one in scrape.samples if one.name in names)
        return read(Scrape(scrape.at, tuple(told)))

    return reading


TABLE: EngineTable = replace(
    vllm.TABLE,
    engine=Engine.RAY_SERVE,
    prefix="ray_vllm",
    silent="Ray Serve LLM exports them where log_engine_metrics is on, on the Ray agent's port",
    switch="set log_engine_metrics: true in the LLM configuration and metrics.port to the Ray agent's",
    images=("ray-llm", "rayproject/ray"),
    commands=("ray.serve.llm", "serve run", "serve deploy"),
    rows=tuple(map(_row, vllm.ROWS)),
    born_late=True,
    extra=tuple(named(name) for named in _NAMES for name in vllm.TABLE.extra),
    capacity=_as_vllm(vllm.capacity),
    asleep=_as_vllm(vllm.asleep),
    version=lambda _: "vLLM",
)
