"""The services that a replay is about: described in a cluster, or in manifests."""

from collections.abc import Sequence

from scalewarden.app.live import Live
from scalewarden.app.replaying import Subject
from scalewarden.cli.cluster import Cluster
from scalewarden.errors import BadInput, ClusterError
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kubeconnection import Connection
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS
from scalewarden.sources.manifests.files import collect_whole
from scalewarden.sources.manifests.serving import Serves
from scalewarden.sources.scrape import DirectScrape
from scalewarden.sources.workload_manifests import described

Subjects = tuple[list[Subject], list[str]]
"""The services, and what a reader must know of those that are left out."""


def of_manifests(paths: Sequence[str], namespace: str | None) -> Subjects:
    """Every InferenceDeployment in files or folders, and workloads that need none to be told for LLM inference.

    Objects without a namespace belong to `namespace`, or `default`. Raises BadInput where there is none.
    """
    found = collect_whole(paths)
    every = described((one.value for one in found.manifests), namespace or "default")
    subjects = [
        Subject(one.declared, one.facts)
        for one in every
        if (not one.made or one.serves in (Serves.LLM, Serves.MAYBE_GPU, Serves.UNKNOWN))
        and namespace in (None, one.declared.namespace)
    ]
    if not subjects:
        hint = "give the workloads too, a Deployment, StatefulSet or LeaderWorkerSet, each with its InferenceDeployment"
        raise BadInput("no workload for LLM inference is in it", where=", ".join(paths), hint=hint)
    return subjects, []


async def of_cluster(context: str | None, namespace: str | None) -> Subjects:
    """Every InferenceDeployment of the cluster, or of a namespace. Raises ClusterError."""
    cluster = Cluster.connect(context)
    subjects: list[Subject] = []
    notes: list[str] = []
    source = DirectScrape()  # pages of today's pods are not read: only objects are
    try:
        async with KubeApi(Connection(cluster.connect_as)) as api:
            for name in await _names(api, namespace, cluster.name):
                live = Live(api, name[0], name[1], source)
                try:
                    await live.look()
                    subjects.append(Subject(live.service.declared, live.facts()))
                except ClusterError as error:
                    notes.append(f"{name[0]}/{name[1]} is left out: {error}")
    finally:
        await source.close()
    if not subjects:
        where = f"namespace {namespace}" if namespace else cluster.name
        hint = "; ".join(notes) or "describe a service first, or give manifests with --objects"
        raise ClusterError("no InferenceDeployment can be replayed", where=where, hint=hint)
    return subjects, notes


async def _names(api: KubeApi, namespace: str | None, where: str) -> list[tuple[str, str]]:
    try:
        listing = (
            await api.list(INFERENCE_DEPLOYMENTS, namespace) if namespace else await api.list(INFERENCE_DEPLOYMENTS)
        )
    except ApiError as error:
        hint = "give -n NAMESPACE where you may list them, or manifests with --objects" if error.forbidden else ""
        raise ClusterError(error.message, where=where, hint=hint) from None
    return sorted((str(one["metadata"]["namespace"]), str(one["metadata"]["name"])) for one in listing.items)
