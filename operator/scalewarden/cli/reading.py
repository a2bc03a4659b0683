"""Reading a live service's pods from the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scalewarden.app.live import Live
from scalewarden.cli.cluster import Cluster
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_service import SourceChoice
from scalewarden.sources.base import MetricsSource
from scalewarden.sources.kubeapi import KubeApi
from scalewarden.sources.kubeconnection import Connection
from scalewarden.sources.podproxy import PodPages
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_api import PrometheusOptions
from scalewarden.sources.scrape import DirectScrape


@asynccontextmanager
async def reading(
    cluster: Cluster, found: InferenceDeployment, prometheus: PrometheusOptions | None = None, *, direct: bool
) -> AsyncIterator[tuple[Live, PodPages]]:
    """A live service, read from Prometheus, or its pods through the API server or directly."""
    connection = Connection(cluster.connect_as)
    pages = PodPages(connection, direct=direct)
    source: MetricsSource = PrometheusSource(prometheus) if prometheus else DirectScrape(reach=pages.page)
    choice = SourceChoice.PROMETHEUS if prometheus else SourceChoice.SCRAPE
    try:
        async with KubeApi(connection) as api:
            yield Live(api, found.namespace, found.name, source, choice), pages
    finally:
        await source.close()
        await pages.close()
