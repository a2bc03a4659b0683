"""The engines that are known, and how a page or a pod template gives one away."""

from collections.abc import Mapping
from dataclasses import dataclass

from scalewarden.model.workload import Engine, Workload
from scalewarden.signals.engines import vllm
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.sample import Scrape

TABLES: Mapping[Engine, EngineTable] = {table.engine: table for table in (vllm.TABLE,)}


@dataclass(frozen=True, slots=True)
class Detected:
    """An engine and the one thing that gave it away, for people."""

    engine: Engine
    evidence: str


def detect_on_page(scrape: Scrape) -> Detected | None:
    """The engine that wrote a page; None where no known engine's series are on it."""
    for table in TABLES.values():
        name = min((name for name in scrape.names if name.startswith(table.prefix)), default=None)
        if name:
            return Detected(table.engine, f"series {name} ({table.engine} {table.version(scrape)})")
    return None


def detect_in_template(workload: Workload) -> Detected | None:
    """The engine that a pod template starts, by its command line before its image; None where it does not say."""
    line = " ".join(workload.args)
    for table in TABLES.values():
        command = next((command for command in table.commands if command in line), None)
        if command:
            return Detected(table.engine, f"command `{command}`")
        if workload.image and any(word in workload.image.lower() for word in table.images):
            return Detected(table.engine, f"image {workload.image}")
    return None
