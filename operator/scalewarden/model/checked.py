"""What a check of manifests found: findings with the place they stand at, and what was left out."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How loud a finding is: an error fails a pipeline, a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


LEVELS = tuple(Level)
"""From the loudest on."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: file as it was named, line and columns from 1; end is the column after the last one.

    text is the line itself.
    """

    file: str
    line: int
    column: int = 1
    end: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Checked:
    """One finding. object is `Kind/namespace/name` (`Kind/name` where no namespace is written); patch what to write
    instead, as YAML below the object's root, empty where no text can know it; field the path that it stands at."""

    rule: str
    name: str
    level: Level
    place: Place
    object: str
    message: str
    remedy: str
    patch: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was not judged, or judged with a doubt, and why."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a check gives. documents: Kubernetes objects read; judged: autoscalers and workloads looked at; errors: what
    is no YAML or does not hold together; baseline: findings that the baseline file silenced."""

    findings: tuple[Checked, ...]
    files: int
    documents: int
    judged: int
    remarks: tuple[Remark, ...] = ()
    errors: tuple[Remark, ...] = ()
    baseline: int = 0

    def count(self, level: Level) -> int:
        """How many findings of a level there are."""
        return sum(one.level is level for one in self.findings)
