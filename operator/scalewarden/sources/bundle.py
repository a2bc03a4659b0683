"""Write a recording: the folder that `sources/recording.py` reads, readable at any moment while it grows.

Files appear under their names when they are whole, and recording.yaml is there before the first page: a run that is
killed leaves a recording of what was read until then.
"""

import gzip
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scalewarden.errors import BadInput
from scalewarden.signals.sample import Scrape
from scalewarden.sources.base import PodKey
from scalewarden.sources.kept_objects import introduce, keep
from scalewarden.sources.kept_page import PageKeeper
from scalewarden.sources.kept_values import Keeper

Object = Mapping[str, Any]

DOCUMENT = "recording.yaml"
_HEAD = """\
# Written by `scalewarden record`. It holds what the verdict needs and nothing else: fields, flags, labels and words of
# fixed lists, numbers, and names of objects; everything else was left out or replaced by an alias like model_name~1.
# `scalewarden evaluate` judges it, `scalewarden doctor` says which signals are missing.
"""


class _Dumper(yaml.SafeDumper):
    """Without anchors: the reader follows no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of a service at one instant.

    declared: the InferenceDeployment; objects: target, autoscalers and Services; pods: its replicas; exporters: key
    and kind of each GPU exporter. at: unix seconds.
    """

    declared: Object
    objects: Sequence[Object]
    pods: Sequence[Object]
    exporters: Mapping[PodKey, str]
    at: float


@dataclass(slots=True)
class Bundle:
    """A recording under construction. models: names of models are kept.

    pages: how many of each source; size of them (bytes); left_out: what recording.yaml does without.
    """

    folder: Path
    models: bool = False
    keeper: Keeper = field(default_factory=Keeper)
    pages: dict[str, int] = field(default_factory=dict)
    size: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    _keepers: dict[str, PageKeeper] = field(default_factory=dict)
    _sources: dict[PodKey, str] = field(default_factory=dict)
    _newest: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(cls, folder: Path, *, models: bool = False) -> "Bundle":
        """Make the folder. Raises BadInput where it is in use or cannot be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                hint = "give a new or an empty folder: nothing is overwritten"
                raise BadInput("the folder is not empty", where=str(folder), hint=hint)
        except OSError as error:
            raise _unwritable(folder, error) from None
        return cls(folder, models)

    def describe(self, known: Known) -> None:
        """Write recording.yaml as of now."""
        self.keeper.removed.clear()
        everything = (known.declared, *known.objects, *known.pods)
        introduce(everything, self.keeper)
        document = {
            "inferenceDeployment": keep(known.declared, self.keeper),
            "objects": [keep(obj, self.keeper) for obj in (*known.objects, *known.pods)],
            "replicas": [_replica(pod) for pod in known.pods],
            "exporters": [{"source": self._exporter(key), "kind": kind} for key, kind in known.exporters.items()],
            "at": round(known.at, 3),
        }
        text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        self.left_out = self.keeper.removed.copy()
        self._write(self.folder / DOCUMENT, (_HEAD + text).encode())

    def add(self, key: PodKey, scrape: Scrape, *, exporter: bool = False) -> None:
        """Write one page, unless it is there already."""
        source = self._exporter(key) if exporter else key.pod
        at = round(scrape.at, 3)
        if at <= self._newest.get(source, -1.0):
            return
        page = self._keepers.setdefault(source, PageKeeper(self.keeper, self.models)).page(scrape.samples)
        path = self.folder / "scrapes" / source / f"{at:.3f}".rstrip("0").rstrip(".")
        data = gzip.compress(page.encode(), mtime=0)
        self._write(path.with_name(f"{path.name}.prom.gz"), data)
        self._newest[source] = at
        self.pages[source] = self.pages.get(source, 0) + 1
        self.size += len(data)

    def _exporter(self, key: PodKey) -> str:
        """The folder of an exporter: never that of a replica, whatever the two are called."""
        taken = set(self._sources.values())
        names = (f"exporter_{key.pod}", *(f"exporter_{key.pod}_{number}" for number in range(2, len(taken) + 3)))
        return self._sources.setdefault(key, next(name for name in names if name not in taken))

    def _write(self, path: Path, data: bytes) -> None:
        """In one step, so that nobody reads half a file."""
        part = path.with_name(f".{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            raise _unwritable(path, error) from None


def _replica(pod: Object) -> dict[str, str]:
    name = str(pod["metadata"]["name"])
    return {"pod": name, "source": name}


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(f"cannot be written: {(error.strerror or str(error)).lower()}", where=str(path))
