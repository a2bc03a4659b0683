"""The little of the Kubernetes API that a fleet needs: follow labelled pods, apply and delete a few objects."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
from kubernetes import config
from kubernetes.client import Configuration

from tools.fleet.pods import EXPORTER_NAME, FLEET_LABEL, NAME_LABEL, Pod

RETRY_SECONDS = 1.0
_PLURALS = {"Service": "services", "APIService": "apiservices"}


class KubeError(Exception):
    """The API server refused a request."""


class KubeApi:
    """One session with an API server, from a kubeconfig file."""

    def __init__(self, kubeconfig: str | Path) -> None:
        settings = Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
        self._base = settings.host
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        bearer = settings.auth_settings().get("BearerToken")
        self._session = aiohttp.ClientSession(
            headers={"Authorization": str(bearer["value"])} if bearer else {},
            connector=aiohttp.TCPConnector(ssl=context),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET a path; raises KubeError on any status but 2xx."""
        async with self._session.get(self._base + path, params=query) as response:
            return await _body(response)

    async def apply(self, manifest: Mapping[str, Any]) -> None:
        """Server-side apply."""
        async with self._session.patch(
            self._base + object_path(manifest),
            params={"fieldManager": "scalewarden-fleet", "force": "true"},
            data=json.dumps(manifest),
            headers={"Content-Type": "application/apply-patch+yaml"},
        ) as response:
            await _body(response)

    async def delete(self, manifest: Mapping[str, Any]) -> None:
        """Delete an object; it may be gone already."""
        async with self._session.delete(self._base + object_path(manifest)) as response:
            if response.status != 404:
                await _body(response)

    async def watch(self, path: str, **query: str) -> AsyncIterator[dict[str, Any]]:
        """Watch events until the server ends the stream."""
        params = {"watch": "true", "allowWatchBookmarks": "true", **query}
        async with self._session.get(self._base + path, params=params) as response:
            if response.status != 200:
                await _body(response)
            # Objects can be longer than aiohttp's line limit, so lines are put together here.
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)


def object_path(manifest: Mapping[str, Any]) -> str:
    """The path of a Service or an APIService."""
    meta = manifest["metadata"]
    api = manifest["apiVersion"]
    root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    scope = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
    return f"{root}{scope}/{_PLURALS[manifest['kind']]}/{meta['name']}"


async def _body(response: aiohttp.ClientResponse) -> dict[str, Any]:
    text = await response.text()
    if response.status >= 300:
        raise KubeError(f"{response.method} {response.url.path}: HTTP {response.status}: {text[:300]}")
    body: dict[str, Any] = json.loads(text)
    return body


class KubernetesPods:
    """Pods of the cluster that carry the fleet label, and the GPU exporters."""

    def __init__(self, kubeconfig: str | Path) -> None:
        self._kubeconfig = kubeconfig
        self._pods: dict[str, dict[str, Pod]] = {}
        self._changed = asyncio.Event()

    async def snapshots(self) -> AsyncIterator[tuple[Pod, ...]]:
        selectors: Sequence[str] = (FLEET_LABEL, f"{NAME_LABEL}={EXPORTER_NAME}")
        async with KubeApi(self._kubeconfig) as api, asyncio.TaskGroup() as tasks:
            for selector in selectors:
                tasks.create_task(self._follow(api, selector))
            while True:
                await self._changed.wait()
                self._changed.clear()
                if len(self._pods) == len(selectors):
                    yield tuple(pod for pods in self._pods.values() for pod in pods.values())

    async def _follow(self, api: KubeApi, selector: str) -> None:
        """List, then watch; again from the list when the watch ends or the API server is away."""
        while True:
            try:
                await self._list_and_watch(api, selector)
            except (aiohttp.ClientError, TimeoutError, KubeError) as error:
                print(f"fleet: watching pods ({selector}): {error}; trying again", file=sys.stderr)
                await asyncio.sleep(RETRY_SECONDS)

    async def _list_and_watch(self, api: KubeApi, selector: str) -> None:
        listed = await api.get("/api/v1/pods", labelSelector=selector)
        self._pods[selector] = {item["metadata"]["uid"]: pod for item in listed["items"] if (pod := Pod.parse(item))}
        self._changed.set()
        version = listed["metadata"]["resourceVersion"]
        async for event in api.watch("/api/v1/pods", labelSelector=selector, resourceVersion=version):
            if event["type"] == "ERROR":
                return
            if event["type"] != "BOOKMARK":
                self._take(selector, event)

    def _take(self, selector: str, event: dict[str, Any]) -> None:
        pod = None if event["type"] == "DELETED" else Pod.parse(event["object"])
        uid = event["object"]["metadata"]["uid"]
        if pod is None:
            self._pods[selector].pop(uid, None)
        else:
            self._pods[selector][uid] = pod
        self._changed.set()
