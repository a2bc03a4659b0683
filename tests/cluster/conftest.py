"""Makes the shared control plane available to every test of the cluster tier."""

from tests.cluster_fixtures import cluster, namespace

__all__ = ["cluster", "namespace"]
