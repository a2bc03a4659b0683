"""What an operator learned is there for the next one, on a real control plane."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from scalewarden.model.duration import rfc3339, unix_seconds
from tests.cluster import operator_process as op
from tests.cluster.operator_process import Start
from tests.cluster.test_operator import until
from tools.fleet import Fleet, FleetSpec
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

QUICK = {"learnEvery": "10", "learnSamples": "4", "dwell": "0", "shortSpan": "5", "shortSamples": "2"}
"""Lines that let seconds be what minutes are otherwise."""
STARTING = 4.0
"""Seconds from a pod's creation until it is ready."""


@pytest.fixture
async def fleet(installed: LocalCluster, namespace: str) -> AsyncIterator[Fleet]:
    """Two replicas whose batch limit is reached while requests wait; the KV cache has room."""
    await asyncio.to_thread(installed.apply, [op.deployment(namespace, 2)])
    spec = FleetSpec("chat", namespace=namespace, users=80, max_num_seqs=16)
    async with Fleet(kubeconfig=installed.kubeconfig, spec=spec) as run:
        await run.wait_for(2, seconds=60)
        for pod in run.snapshot()["chat"]:
            await asyncio.to_thread(took_seconds_to_start, installed, namespace, pod.name)
        yield run


def took_seconds_to_start(cluster: LocalCluster, namespace: str, pod: str) -> None:
    """Simulated pods are ready in the second in which they are created; real ones are not."""
    created = unix_seconds(cluster.get("pod", pod, namespace)["metadata"]["creationTimestamp"])
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(created + STARTING)}
    patch = json.dumps({"status": {"conditions": [ready]}})
    cluster.kubectl("patch", "pod", pod, "-n", namespace, "--subresource=status", "--type=strategic", "-p", patch)


def baseline(cluster: LocalCluster, namespace: str) -> dict[str, Any]:
    found = cluster.get("inferencedeployment", "chat", namespace).get("status", {})
    return dict(found.get("baseline") or {})


def known(found: dict[str, Any]) -> dict[str, Any]:
    """Without the instant of the last look, which goes on."""
    return {name: value for name, value in found.items() if name != "updated"}


async def test_a_restarted_operator_knows_what_its_predecessor_learned(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start
) -> None:
    await asyncio.to_thread(installed.apply, op.described(namespace, policy={"thresholds": QUICK}))
    first = await asyncio.to_thread(start)
    await until("it has learned", lambda: "sustainableTokensPerSecond" in baseline(installed, namespace), 150)
    assert await asyncio.to_thread(first.stop) == 0
    before = baseline(installed, namespace)
    assert {"saturated", "itl", "batches", "coldStarts", "fingerprint"} <= before.keys()
    assert [one["running"] for one in before["batches"]] == [16]
    assert {one["seconds"] for one in before["coldStarts"]} == {STARTING}
    for pod in fleet.snapshot()["chat"]:
        fleet.fault(pod.name, "refused")  # the new operator sees no sample of any replica
    await asyncio.to_thread(start)
    await until("it has looked", lambda: op.condition(installed, namespace, "Ready").get("reason") == "SignalsMissing")
    assert known(baseline(installed, namespace)) == known(before)

    annotation = ("annotate", "infd", "chat", "-n", namespace, "scalewarden.dev/reset-baseline=now")
    await asyncio.to_thread(installed.kubectl, *annotation)
    await until("it forgets when asked to", lambda: "saturated" not in baseline(installed, namespace), 90)
    assert baseline(installed, namespace)["fingerprint"]["reset"] == "now"
