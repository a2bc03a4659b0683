"""recording.yaml: what was known about a service, checked to the letter."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scalewarden.errors import BadObject, BadRecording
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.duration import LATEST, unix_seconds
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.workload import Gpu, Replica
from scalewarden.signals.gpus.table import KINDS
from scalewarden.sources.objects import replica_of
from scalewarden.sources.workloads import child
from scalewarden.sources.yaml_document import Document, keys_of

_KEYS = ("inferenceDeployment", "objects", "replicas", "exporters", "at", "intent")
_REPLICA_KEYS = ("pod", "source", "ready", "readySince", "node", "gpus")
_GPU_KEYS = ("uuid", "migProfile", "gpuInstance", "model")
_EXPORTER_KEYS = ("source", "kind")
_INTENT_KEYS = ("from", "to", "actor", "path", "identity")


class RecordingFile:
    """The parts of recording.yaml, each read on demand; every error is a BadRecording that points at its line."""

    def __init__(self, document: Document) -> None:
        self.document = document
        if not isinstance(document.value, dict):
            raise document.bad("not a recording", hint=f"write the keys {', '.join(_KEYS)}")
        self.value: Mapping[str, Any] = document.value

    def _known(self, value: object, allowed: Sequence[str], *keys: str | int) -> None:
        for key in keys_of(value):
            if key not in allowed:
                raise self.document.bad(f"unknown key {key!r}", *keys, key, hint=f"known are {', '.join(allowed)}")

    def declared(self) -> InferenceDeployment:
        """The object, at least its spec."""
        key = "inferenceDeployment"
        if not isinstance(self.value.get(key), dict):
            raise self.document.bad(f"no {key}", key, hint="give the object, at least its spec")
        where = self.document.where(key)
        try:
            return InferenceDeployment.parse(self.value[key], where=where)
        except BadObject as error:
            raise BadRecording(error.message, where=error.where or where, hint=error.hint) from None

    def _list(self, key: str, *path: str | int, holder: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        found = (self.value if holder is None else holder).get(key)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self.document.bad("not a list", *path, key)
        for index, item in enumerate(found):
            if not isinstance(item, dict):
                raise self.document.bad("not a mapping", *path, key, index)
        return found

    def objects(self, namespace: str) -> tuple[Mapping[str, Any], ...]:
        """The manifests of one namespace; one that names none belongs to it."""
        found: list[Mapping[str, Any]] = []
        for index, obj in enumerate(self._list("objects")):
            if not isinstance(obj.get("kind"), str) or not isinstance(child(obj, "metadata").get("name"), str):
                raise self.document.bad("no kind or metadata.name", "objects", index, hint="give whole manifests")
            count = child(obj, "spec").get("replicas")
            if count is not None and (type(count) is not int or count < 0):
                raise self.document.bad(f"{count!r} is no replica count", "objects", index, "spec", "replicas")
            if child(obj, "metadata").get("namespace", namespace) == namespace:
                found.append(obj)
        return tuple(found)

    def replicas(self, objects: Sequence[Mapping[str, Any]]) -> list[tuple[Replica, str]]:
        """Each replica with its source; what its line leaves out comes from a recorded Pod of its name."""
        if not isinstance(self.value.get("replicas"), list):
            raise self.document.bad("no replicas", "replicas", hint="list the pods of the target, [] for none")
        pods = {child(obj, "metadata")["name"]: replica_of(obj) for obj in objects if obj.get("kind") == "Pod"}
        listed = [self._replica(index, entry, pods) for index, entry in enumerate(self._list("replicas"))]
        names = [replica.pod for replica, _ in listed]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise self.document.bad(f"{name!r} is listed twice", "replicas", index, "pod")
        return listed

    def _replica(self, index: int, entry: Mapping[str, Any], pods: Mapping[str, Replica]) -> tuple[Replica, str]:
        path = ("replicas", index)
        self._known(entry, _REPLICA_KEYS, *path)
        pod = self._text(entry.get("pod"), *path, "pod")
        base = replace(pods.get(pod, Replica(pod)), gpus=self._gpus(index, entry))
        ready = entry.get("ready", base.ready)
        if not isinstance(ready, bool):
            raise self.document.bad(f"{ready!r} is not true or false", *path, "ready")
        since = self._instant(entry.get("readySince"), *path, "readySince")
        known = base.ready_since if since is None else since
        replica = replace(
            base,
            ready=ready,
            ready_since=known if ready else None,
            unready_since=None if ready else base.unready_since,
            node=self._optional(entry.get("node"), *path, "node") or base.node,
        )
        return replica, self._text(entry.get("source") or pod, *path, "source")

    def _gpus(self, index: int, entry: Mapping[str, Any]) -> tuple[Gpu, ...]:
        gpus = []
        for number, gpu in enumerate(self._list("gpus", "replicas", index, holder=entry)):
            path = ("replicas", index, "gpus", number)
            self._known(gpu, _GPU_KEYS, *path)
            instance = gpu.get("gpuInstance")
            gpus.append(
                Gpu(
                    uuid=self._text(gpu.get("uuid"), *path, "uuid"),
                    mig_profile=self._optional(gpu.get("migProfile"), *path, "migProfile"),
                    gpu_instance=self._optional(
                        str(instance) if type(instance) is int else instance, *path, "gpuInstance"
                    ),
                    model=self._optional(gpu.get("model"), *path, "model"),
                )
            )
        return tuple(gpus)

    def exporters(self) -> tuple[str, ...]:
        """The sources of GPU exporters."""
        found = []
        for index, entry in enumerate(self._list("exporters")):
            self._known(entry, _EXPORTER_KEYS, "exporters", index)
            if entry.get("kind") not in KINDS:
                known = ", ".join(KINDS)
                raise self.document.bad("unknown kind of exporter", "exporters", index, "kind", hint=f"known: {known}")
            found.append(self._text(entry.get("source"), "exporters", index, "source"))
        return tuple(found)

    def _text(self, value: object, *keys: str | int) -> str:
        if not isinstance(value, str) or not value:
            raise self.document.bad("a name is needed", *keys)
        if keys[-1] == "source" and ("/" in value or value in (".", "..")):
            raise self.document.bad("not the name of a folder under scrapes/", *keys)
        return value

    def _optional(self, value: object, *keys: str | int) -> str | None:
        return None if value is None else self._text(value, *keys)

    def _instant(self, value: object, *keys: str | int) -> float | None:
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LATEST:
            return float(value)
        try:
            return unix_seconds(str(value))
        except ValueError:
            raise self.document.bad(
                f"{value!r} is not an instant", *keys, hint='write unix seconds or RFC 3339 like "2026-11-21T23:00:00Z"'
            ) from None

    def at(self, newest: float | None) -> float:
        """The instant to judge (unix seconds): as written, else that of the newest scrape."""
        declared = self._instant(self.value.get("at"), "at")
        if declared is None and newest is None:
            raise self.document.bad("no scrape, and no `at`", "at", hint="say which instant is to be judged")
        return declared if declared is not None else float(newest or 0.0)

    def intent(self) -> Intent | None:
        """The change to be judged, None where the recording names none."""
        intent = self.value.get("intent")
        if intent is None:
            return None
        if not isinstance(intent, dict):
            raise self.document.bad("not a mapping", "intent")
        self._known(intent, _INTENT_KEYS, "intent")
        actor = intent.get("actor", Actor.AUTOSCALER.value)
        if actor not in tuple(Actor):
            raise self.document.bad(f"{actor!r} is no actor", "intent", "actor", hint="write autoscaler or user")
        return Intent(
            from_=self._count(intent.get("from"), "intent", "from"),
            to=self._count(intent.get("to"), "intent", "to"),
            actor=Actor(actor),
            path=str(intent.get("path") or "deployments/scale"),
            identity=str(intent.get("identity") or ""),
        )

    def _count(self, value: object, *keys: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.document.bad(f"{value!r} is not a number of replicas", *keys, hint="write 0 or more")
        return value
