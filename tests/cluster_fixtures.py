"""Fixtures for tests that need a real control plane: one shared cluster a session, a namespace a test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence

import pytest

from tools.localcluster import BinaryMissingError, LocalCluster
from tools.localcluster.components import ORDER


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """The shared control plane, with Prometheus. Skipped aloud when it cannot be had; in CI that fails."""
    with start_or_skip("session") as running:
        yield running


@pytest.fixture
def namespace(cluster: LocalCluster) -> Iterator[str]:
    """The name of a fresh namespace, ready for pods; deleted afterwards without waiting."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    cluster.wait_for(lambda: cluster.get("serviceaccount", "default", name), f"the service account {name}/default", 30)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def start_or_skip(name: str, components: Sequence[str] = ORDER) -> LocalCluster:
    """A cluster; when the tools cannot be had the test is skipped with the reason, or fails if CI is set."""
    try:
        return LocalCluster.start(name, components)
    except BinaryMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(f"In CI the cluster tests are never skipped. {error}", pytrace=False)
        pytest.skip(f"NO LOCAL CONTROL PLANE, cluster tests not run. {error}")
