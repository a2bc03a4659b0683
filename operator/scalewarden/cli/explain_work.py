"""Live services as the operator found them, once or whenever they change."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from shutil import get_terminal_size
from typing import Any

import typer
import yaml

from scalewarden.cli.cluster import Cluster
from scalewarden.cli.explain import As
from scalewarden.cli.output import console
from scalewarden.cli.watching import Screen, watch
from scalewarden.errors import BadObject, ClusterError
from scalewarden.model.crd import InferenceDeployment
from scalewarden.surfaces.explain_list import Listed, age_of, as_json, lines
from scalewarden.surfaces.explain_text import show
from scalewarden.surfaces.explain_text_status import chain_of


def tell(
    name: str | None,
    namespace: str | None,
    context: str | None,
    output: As,
    *,
    everywhere: bool,
    long: bool,
    again: bool,
) -> None:
    """Print one service, or all where none is named; again: whenever it changes."""
    cluster = Cluster.connect(context)
    inside = None if everywhere else namespace or cluster.namespace
    view = _One(cluster, name, inside or "", output, long) if name else _All(cluster, inside, output)
    if again:
        watch(view.screen)
    else:
        view.print()


class _One:
    """One service."""

    def __init__(self, cluster: Cluster, name: str, namespace: str, output: As, long: bool) -> None:
        self._cluster, self._name, self._namespace = cluster, name, namespace
        self._output, self._long = output, long or output is As.WIDE

    def print(self) -> None:
        found = self._cluster.inference_deployment(self._name, self._namespace)
        if self._output in (As.JSON, As.YAML):
            typer.echo(_document(as_json(found), self._output), nl=False)
            return
        if found.status.last_evaluation_time is None:
            raise _not_evaluated(found)
        show(chain_of(found, time.time(), long=self._long), console())

    def screen(self) -> Screen:
        """The status without the instant at which it was refreshed decides whether it has changed."""
        found = self._cluster.inference_deployment(self._name, self._namespace)
        status = found.status.model_copy(update={"last_evaluation_time": None})
        text = lines([Listed(found)], wide=True, namespaces=True)[1:]
        if found.status.last_evaluation_time is None:
            return Screen((status, found.spec), lambda at: at.print(str(_not_evaluated(found))), text)
        return Screen((status, found.spec), lambda at: show(chain_of(found, time.time(), long=self._long), at), text)


class _All:
    """All services of a namespace, or of the cluster."""

    def __init__(self, cluster: Cluster, namespace: str | None, output: As) -> None:
        self._cluster, self._namespace, self._output = cluster, namespace, output

    def print(self) -> None:
        listed = self._listed()
        if self._output in (As.JSON, As.YAML):
            items = [as_json(one.found) for one in listed]
            typer.echo(_document({"inferenceDeployments": items}, self._output), nl=False)
        elif listed:
            typer.echo("\n".join(self._table(listed)))
        else:
            where = f"in {self._namespace}; -A lists every namespace" if self._namespace else "in this cluster"
            typer.echo(f"there is no InferenceDeployment {where}", err=True)

    def screen(self) -> Screen:
        listed = self._listed()
        table = self._table(listed)
        bare = [Listed(one.found) for one in listed]
        key = tuple(lines(bare, wide=True, namespaces=True))
        return Screen(key, lambda at: at.print("\n".join(table), soft_wrap=True), table)

    def _table(self, listed: Sequence[Listed]) -> list[str]:
        room = get_terminal_size().columns if sys.stdout.isatty() else None
        return lines(listed, wide=self._output is As.WIDE, namespaces=self._namespace is None, room=room)

    def _listed(self) -> list[Listed]:
        """What can be read; what cannot is said and left out."""
        now, found = time.time(), []
        for obj in self._cluster.inference_deployments(self._namespace):
            try:
                found.append(Listed(InferenceDeployment.parse(obj), age_of(obj, now)))
            except BadObject as error:
                typer.echo(f"note: left out: {error}", err=True)
        return found


def _document(value: Mapping[str, Any], output: As) -> str:
    if output is As.YAML:
        return yaml.safe_dump(json.loads(json.dumps(value)), sort_keys=False, allow_unicode=True)
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _not_evaluated(found: InferenceDeployment) -> ClusterError:
    hint = "`scalewarden run` evaluates it; `kubectl describe infd` shows its conditions"
    return ClusterError("not evaluated yet", where=f"InferenceDeployment {found.key}", hint=hint)
