"""From a live service, manifests or a recording to a sound autoscaler, and to what somebody must know of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
import yaml

from scalewarden.cli.evaluate_work import judged
from scalewarden.errors import BadInput
from scalewarden.judgement.evaluate import Evaluation, judge_autoscaler
from scalewarden.judgement.evaluate import evaluate as judge
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine
from scalewarden.signals.engines import TABLES, custom
from scalewarden.signals.engines.table import EngineTable
from scalewarden.sources.autoscalers import READERS
from scalewarden.sources.manifests.files import ENDINGS, STDIN, collect_whole
from scalewarden.sources.manifests.serving import Serves
from scalewarden.sources.recording import load
from scalewarden.sources.workload_manifests import KINDS, Described, described
from scalewarden.surfaces.suggest import Kind, Nothing, Suggestion
from scalewarden.surfaces.suggest import suggest as suggestion_for
from scalewarden.surfaces.suggest_hpa import hpa
from scalewarden.surfaces.suggest_keda import scaled_object


def of_path(path: str, namespace: str | None, kind: Kind, server: str | None) -> list[str]:
    """The objects for what is in manifests or a recording; what must be known of them is on stderr. Raises BadInput."""
    services = _of_path(path, namespace or "default", given=namespace is not None)
    return [text for one in services if (text := _written(one, kind, server))]


def of_service(
    found: InferenceDeployment, snapshot: Snapshot, notes: tuple[str, ...], kind: Kind, server: str | None
) -> list[str]:
    """That for a live service, as it was looked at, with what must be known of that."""
    text = _written(_Service.judged(found, judge(snapshot, found.policy), notes), kind, server)
    return [text] if text else []


@dataclass(frozen=True, slots=True)
class _Service:
    """What is known of one service. safe is the count that its load needs now, None where nobody looked; serves what
    its manifest says that it is, None where it is described and running."""

    declared: InferenceDeployment
    snapshot: Snapshot
    policy: Policy
    safe: int | None = None
    notes: tuple[str, ...] = ()
    serves: Serves | None = None

    @classmethod
    def judged(cls, declared: InferenceDeployment, found: Evaluation, notes: tuple[str, ...] = ()) -> "_Service":
        """One that was looked at."""
        return cls(declared, found.snapshot, declared.policy, found.verdict.safe_replicas, notes)

    @property
    def table(self) -> EngineTable | None:
        """The series of its engine; None where the engine is not known."""
        engine = self.snapshot.engine
        return custom.table(self.declared.spec.signals.custom) if engine is Engine.CUSTOM else TABLES.get(engine)


def is_path(subject: str) -> bool:
    """Whether it means files rather than a live service."""
    return subject == STDIN or "/" in subject or subject.endswith(ENDINGS) or there(subject)


def _of_path(path: str, namespace: str, *, given: bool) -> Iterator[_Service]:
    """The service of a recording, or those of the workloads in manifests."""
    if there(path) and Path(path, "recording.yaml").is_file():
        recording = load(Path(path))
        yield _Service.judged(recording.declared, judged(recording))
        return
    found = list(described(_objects(path), namespace))
    if not found:
        hint = f"give manifests of a {', '.join(KINDS)}, or a recording's folder"
        raise BadInput("no workload is in it that an autoscaler could scale", where=path, hint=hint)
    for one in found:
        notes = tuple(_unsaid(one, given=given))
        yield _Service(one.declared, one.snapshot, one.declared.policy, notes=notes, serves=one.serves)


def _objects(path: str) -> Iterator[Mapping[str, Any]]:
    """The objects in files, a folder or stdin, as `check` reads them. Raises BadInput for what is no YAML."""
    if path != STDIN and not there(path):
        raise BadInput("there is no such file or folder", where=path, hint="give a manifest, or a folder of them")
    found = collect_whole([path])
    for remark in found.remarks:
        typer.echo(f"{remark.place}: {remark.text}", err=True)
    return (one.value for one in found.manifests)


def there(path: str) -> bool:
    """True where there is such a file or folder; a name that no file may have is of none."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def _unsaid(one: Described, *, given: bool) -> Iterator[str]:
    if one.made:
        yield "describe it with an InferenceDeployment of this name, or scalewarden_safe_replicas has no value"
    if one.serves is Serves.MAYBE_GPU:
        yield "its manifest asks for no GPU; it is taken to run on one, as its engine is built for"
    if one.unplaced and not given:
        yield "its manifest names no namespace, so `default` is taken; -n names another"


def _written(service: _Service, kind: Kind, server: str | None) -> str:
    """The object; empty, with the reason on stderr, where there is nothing to suggest."""
    target, found = service.snapshot.target, _suggested(service, kind)
    who = f"{target.kind}/{target.name}"
    if isinstance(found, Nothing):
        typer.echo(f"{who}: nothing to suggest: {found.why}", err=True)
        return ""
    text = scaled_object(found, server) if kind is Kind.SCALED_OBJECT else hpa(found)
    if unsound := accused(text, service.snapshot):
        typer.echo(f"{who}: nothing to suggest: {unsound}", err=True)
        return ""
    for note in (*found.notes, *service.notes):
        typer.echo(f"{who}: {note}", err=True)
    return text


def accused(text: str, snapshot: Snapshot) -> str:
    """What our own rules find in what is about to be printed: a series of engine Custom may be anything. What another
    autoscaler did before is not its fault."""
    obj = yaml.safe_load(text)
    judgement = judge_autoscaler(replace(snapshot, history=None), READERS[obj["kind"]](obj))
    fired = (f"{one.rule} fires on what it would follow: {one.message}" for one in judgement.findings if one.fired)
    return next(fired, "")


def _suggested(service: _Service, kind: Kind) -> Suggestion | Nothing:
    """An engine alone is no language model: embeddings run on the same ones, and routers stand beside them."""
    if service.serves is Serves.OTHER and service.snapshot.engine is not Engine.CUSTOM:
        return Nothing("it is no LLM inference: its pods start no engine, or one for embeddings, speech or pictures")
    on_gpus = True if service.serves is Serves.MAYBE_GPU else None
    return suggestion_for(service.snapshot, service.table, kind, service.policy, service.safe, on_gpus=on_gpus)
