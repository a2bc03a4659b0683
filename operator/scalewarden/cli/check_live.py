"""`scalewarden check --base … --live`: where the running services are that lowered counts are put to."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from scalewarden.app.check_base import Lowered
from scalewarden.app.check_live import Evidence, answered, unknown
from scalewarden.app.check_prometheus import Written, autoscalers, evidence
from scalewarden.app.checking import Checking, template_of
from scalewarden.cli.cluster import Cluster
from scalewarden.cli.looking import looked
from scalewarden.cli.reading import reading
from scalewarden.errors import BadObject, ScalewardenError
from scalewarden.model.checked import Checked, Remark
from scalewarden.model.crd import InferenceDeployment
from scalewarden.sources.behavior import count
from scalewarden.sources.kubeapi import KubeApi
from scalewarden.sources.kubeconnection import Connection
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS
from scalewarden.sources.manifests.nearest import same_namespace
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.prometheus_api import PrometheusOptions
from scalewarden.sources.tree import child
from scalewarden.surfaces.explain_text import counted

AT_ONCE = 8
"""Services that are read at the same time."""

Key = tuple[str, tuple[tuple[str, str], ...]]
"""Which service: its namespace, empty where none is written, and what its workload is called."""
Ask = Callable[[Key], Awaitable[Evidence]]


@dataclass(frozen=True, slots=True)
class Where:
    """Whom to ask. cluster: False asks Prometheus alone; span: for how long pods are read, in seconds."""

    cluster: bool
    context: str | None = None
    namespace: str | None = None
    prometheus: PrometheusOptions | None = None
    span: float = 60.0
    direct: bool = False


class _Undescribed(BadObject):
    """No InferenceDeployment in the cluster names the workload."""


def judged(
    several: Iterable[Lowered], where: Where, checking: Checking, base: Iterable[Manifest]
) -> tuple[list[Checked], list[Remark]]:
    """What the running services answer, and what is to be known of how they were asked. Never raises for a service or
    a cluster that does not answer: the finding says so, and is as loud as without asking.

    What serves no language model by its manifest is asked about all the same where a cluster may describe it, and left
    alone where it does not.
    """
    mine = [one for one in several if where.cluster or checking.concerns(one.manifest)]
    found = _answers({_key(one) for one in mine}, where, checking, base)
    findings, remarks = [], []
    for one in mine:
        answer, place = found[_key(one)], one.manifest.place(one.field)
        if isinstance(answer, Evidence):
            findings.append(answered(one, answer))
            remarks += [Remark(place, note) for note in answer.notes]
            continue
        concerned = checking.concerns(one.manifest)
        if concerned or not isinstance(answer, _Undescribed):
            remarks.append(Remark(place, f"the running service was not asked: {_told(answer)}"))
        if concerned:
            findings.append(unknown(one, _told(answer)))
    return findings, list(dict.fromkeys(remarks))


def _key(one: Lowered) -> Key:
    return one.manifest.namespace, one.targets


Answer = Evidence | ScalewardenError


def _answers(keys: set[Key], where: Where, checking: Checking, base: Iterable[Manifest]) -> dict[Key, Answer]:
    """By service; nobody is asked where there is nothing to ask."""
    if not keys:
        return {}
    try:
        ask = _of_cluster(where) if where.cluster else _Manifests(where, checking, tuple(base))
        with Console(stderr=True, highlight=False).status(f"asking {counted(len(keys), 'running service')}"):
            return asyncio.run(_asked(keys, ask))
    except ScalewardenError as error:
        return dict.fromkeys(keys, error)


async def _asked(keys: Iterable[Key], ask: Ask) -> dict[Key, Answer]:
    """Every service once, `AT_ONCE` at a time; what went wrong where it cannot be asked."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(key: Key) -> tuple[Key, Answer]:
        async with free:
            try:
                return key, await ask(key)
            except ScalewardenError as error:
                return key, error

    return dict(await asyncio.gather(*map(one, keys)))


def _told(error: ScalewardenError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def _of_cluster(where: Where) -> Ask:
    cluster = Cluster.connect(where.context)
    span = 0.0 if where.prometheus else where.span

    async def ask(key: Key) -> Evidence:
        namespace, targets = key[0] or where.namespace or cluster.namespace, key[1]
        found = await _describing(cluster, namespace, targets)
        async with reading(cluster, found, where.prometheus, direct=where.direct) as (live, pages):
            snapshot, notes = await looked(live, found, span, quiet=True)
            return Evidence(snapshot, found.policy, ((pages.said,) if pages.said else ()) + notes)

    return ask


async def _describing(cluster: Cluster, namespace: str, targets: Sequence[tuple[str, str]]) -> InferenceDeployment:
    """The InferenceDeployment in the cluster that guards one of these."""
    async with KubeApi(Connection(cluster.connect_as)) as api:
        listed = await api.list(INFERENCE_DEPLOYMENTS, namespace)
    for obj in listed.items:
        reference = child(obj, "spec", "targetRef")
        if (reference.get("kind"), reference.get("name")) in targets:
            return InferenceDeployment.parse(obj)
    kind, name = targets[0]
    hint = "describe the service with one: docs/guides/first-service.md"
    raise _Undescribed(f"no InferenceDeployment in {cluster.name} names {kind} {namespace}/{name}", hint=hint)


@dataclass(frozen=True, slots=True)
class _Manifests:
    """Services as the manifests describe them, asked about at a Prometheus."""

    where: Where
    checking: Checking
    base: tuple[Manifest, ...]
    _now: float = field(default_factory=time.time)

    async def __call__(self, key: Key) -> Evidence:
        if self.where.prometheus is None:
            raise AssertionError("without a cluster there is a Prometheus")
        return await evidence(self._written(key), self.where.prometheus, self._now)

    def _written(self, key: Key) -> Written:
        written, targets = key
        workload = _workload(self.base, written, targets) or _workload(self.checking.found.manifests, written, targets)
        kind, name = targets[-1]
        if workload is None:
            raise BadObject(f"{kind} {name} is not among the manifests", hint="give its file too, or --live")
        namespace = written or workload.namespace or self.where.namespace
        if not namespace:
            raise BadObject(f"{workload.label} names no namespace", hint="give it with -n")
        scaled = [one for one in autoscalers(self.checking.found.manifests) if same_namespace(one.namespace, namespace)]
        return Written(
            kind=kind,
            name=name,
            namespace=namespace,
            template=template_of(workload, self.base),
            replicas=None if scaled else count(child(workload.value, "spec").get("replicas")),
            autoscalers=scaled,
            declared=self.checking.declared(workload),
        )


def _workload(manifests: Iterable[Manifest], namespace: str, targets: Sequence[tuple[str, str]]) -> Manifest | None:
    """The workload of one of these names."""
    fits = (one for one in manifests if (one.kind, one.name) in targets and same_namespace(one.namespace, namespace))
    return next(fits, None)
