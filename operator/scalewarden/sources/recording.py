"""A recording: a folder with everything that was known about one service, judged offline (and the support bundle).

    recording.yaml                              the object, manifests, replicas, exporters, the instant, an intent
    scrapes/<source>/<unix seconds>.prom[.gz]   raw /metrics text, one folder a pod or exporter

Nothing is guessed: what cannot be read is a BadRecording that names file and line. A listed source without a scrape
gave none; that is Absent, not bad input.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scalewarden.errors import BadRecording
from scalewarden.model.baseline import Learned
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.intent import Intent
from scalewarden.model.signal import Absent
from scalewarden.model.snapshot import History, Snapshot
from scalewarden.model.workload import Replica
from scalewarden.signals.engines.custom import series_of
from scalewarden.signals.sample import Scrape
from scalewarden.sources.assemble import Facts, assemble
from scalewarden.sources.coldstarts import remember, slowest
from scalewarden.sources.objects import autoscalers_for, target_of
from scalewarden.sources.recording_file import RecordingFile
from scalewarden.sources.scrape_files import read_folder
from scalewarden.sources.workloads import child
from scalewarden.sources.yaml_document import read

Series = tuple[Scrape, ...] | Absent


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was read in full. at is the instant to judge (unix seconds); scrapes are by (namespace, pod),
    exporters by source; objects are the manifests of the service's namespace."""

    folder: Path
    declared: InferenceDeployment
    objects: tuple[Mapping[str, Any], ...]
    replicas: tuple[Replica, ...]
    scrapes: Mapping[tuple[str, str], Series]
    exporters: Mapping[str, Series]
    at: float
    intent: Intent | None = None

    @property
    def instants(self) -> tuple[float, ...]:
        """When anything was scraped, oldest first (unix seconds)."""
        series = (*self.scrapes.values(), *self.exporters.values())
        return tuple(sorted({scrape.at for one in series if not isinstance(one, Absent) for scrape in one}))

    def snapshot(
        self,
        at: float | None = None,
        history: History | None = None,
        intent: Intent | None = None,
        learned: Learned | None = None,
    ) -> Snapshot:
        """The snapshot at `at` (default: the recording's instant), from scrapes up to then only.

        At another instant than its own, a replica serves from its `readySince`, else from its first scrape, on.
        """
        instant = self.at if at is None else at
        return assemble(
            self.declared,
            self._facts(instant, own=at is None or at == self.at),
            at=instant,
            history=history,
            intent=intent or self.intent,
            learned=learned,
        )

    def _facts(self, at: float, *, own: bool) -> Facts:
        target = target_of(self.declared.spec.target_ref.model_dump(by_alias=True))
        starts = remember((), (pod for pod in map(self._pod, self.replicas) if pod is not None))
        return Facts(
            target=self._object(target.kind, target.name),
            replicas=self.replicas if own else tuple(self._then(replica, at) for replica in self.replicas),
            scrapes=self.scrapes,
            exporters=self.exporters,
            autoscalers=autoscalers_for(target, self.objects),
            services=[obj for obj in self.objects if obj.get("kind") == "Service"],
            cold_start=slowest(starts),
            cold_starts=starts,
            nodes=self._nodes(),
        )

    def _nodes(self) -> dict[str, Mapping[str, str]]:
        """The labels of the recorded nodes."""
        nodes = [child(obj, "metadata") for obj in self.objects if obj.get("kind") == "Node"]
        return {str(one.get("name")): child(one, "labels") for one in nodes}

    def _pod(self, replica: Replica) -> Mapping[str, Any] | None:
        return self._object("Pod", replica.pod)

    def _object(self, kind: str, name: str) -> Mapping[str, Any] | None:
        named = (obj for obj in self.objects if obj.get("kind") == kind)
        return next((obj for obj in named if child(obj, "metadata").get("name") == name), None)

    def _then(self, replica: Replica, at: float) -> Replica:
        since = replica.ready_since
        if since is None:
            series = self.scrapes[self.declared.namespace, replica.pod]
            since = at if isinstance(series, Absent) else series[0].at
        return replace(replica, ready=replica.ready and since <= at)


def load(folder: Path | str) -> Recording:
    """Read a recording. Raises BadRecording naming file and line."""
    root = Path(folder)
    if not root.is_dir():
        raise BadRecording("there is no such folder", where=str(root), hint="give the folder with recording.yaml in it")
    file = RecordingFile(read(root / "recording.yaml"))
    declared = file.declared()
    objects = file.objects(declared.namespace)
    listed = file.replicas(objects)
    own = series_of(declared.spec.signals.custom)
    scrapes = {(declared.namespace, one.pod): read_folder(root / "scrapes" / source, own) for one, source in listed}
    exporters = {source: read_folder(root / "scrapes" / source) for source in file.exporters()}
    return Recording(
        folder=root,
        declared=declared,
        objects=objects,
        replicas=tuple(replica for replica, _ in listed),
        scrapes=scrapes,
        exporters=exporters,
        at=file.at(newest_of((*scrapes.values(), *exporters.values()))),
        intent=file.intent(),
    )


def newest_of(all_series: Iterable[Series]) -> float | None:
    """When the newest scrape was taken (unix seconds); None without any."""
    return max((one[-1].at for one in all_series if not isinstance(one, Absent)), default=None)
