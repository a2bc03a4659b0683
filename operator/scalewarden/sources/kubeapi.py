"""The Kubernetes API over one HTTP session: plain dictionaries in and out, every failure an `ApiError`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson

from scalewarden.errors import ClusterError
from scalewarden.sources.kubeconnection import Connect, Connection
from scalewarden.sources.kuberesource import Resource

Object = dict[str, Any]

PAGE = 500
"""Objects asked for at once; a list of thousands would stall the loop while its JSON is read."""
INACTIVITY = 90.0
"""Seconds without a byte after which a watch counts as dead; the API server sends a bookmark each minute."""
WATCH_SECONDS = 300
"""How long one watch is asked to last."""
BUSY_TRIES = 4
LONGEST_PAUSE = 10.0

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class ApiError(ClusterError):
    """The API server refused or could not be reached.

    status is the HTTP code (0: no answer), reason the API's word for it (`NotFound`, `Conflict`, `Expired` …).
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "", where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.status = status
        self.reason = reason

    @property
    def not_found(self) -> bool:
        """The object, its kind, or its subresource does not exist."""
        return self.status == 404

    @property
    def forbidden(self) -> bool:
        """Whoever asks may not."""
        return self.status == 403

    @property
    def conflict(self) -> bool:
        """It exists already, was changed in between, or another manager owns the field."""
        return self.status == 409

    @property
    def expired(self) -> bool:
        """The resource version is too old to go on from: list anew."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a collection and the resource version they are of."""

    items: tuple[Object, ...]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a watch: `ADDED`, `MODIFIED`, `DELETED`, or `BOOKMARK` (its object has a version only)."""

    type: str
    object: Object


class KubeApi:
    """Use as `async with KubeApi.open(connect) as api`. Safe to share between tasks of one loop."""

    def __init__(self, connection: Connection) -> None:
        """Needs a running loop."""
        self.connection = connection
        self._session = connection.session()

    @classmethod
    def open(cls, connect: Connect) -> Self:
        """Connect by kubeconfig or service account. Raises BadInput where there is neither."""
        return cls(Connection(connect))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release the connections."""
        await self._session.close()

    async def get(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> Object:
        """One object or its subresource."""
        return await self._send("GET", resource.path(namespace, name, subresource))

    async def find(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> Object | None:
        """As `get`, None where it does not exist."""
        try:
            return await self.get(resource, namespace, name, subresource)
        except ApiError as error:
            if error.not_found:
                return None
            raise

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        keep: Callable[[Object], Object] | None = None,
    ) -> Listing:
        """Every object of a namespace (of all where it is empty), read in pages; `kind` is filled in.

        keep takes the part of each object that is wanted, so that no more than a page is ever held whole.
        """
        items: list[Object] = []
        query = _selecting(labels, fields) | {"limit": str(PAGE)}
        while True:
            page = await self._send("GET", resource.path(namespace), query)
            kind = {"apiVersion": resource.api_version, "kind": resource.kind}
            items.extend(kind | (keep(item) if keep else item) for item in page.get("items") or [])
            following = page["metadata"].get("continue")
            if not following:
                return Listing(tuple(items), page["metadata"].get("resourceVersion", ""))
            query["continue"] = following

    async def watch(
        self, resource: Resource, namespace: str = "", *, since: str, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Change]:
        """Changes after the resource version `since`, until the server ends the watch.

        Raises ApiError: `expired` where `since` is too old, status 0 where the connection died or fell silent.
        """
        query = _selecting(labels, fields) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        path = resource.path(namespace)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=INACTIVITY)
        try:
            async with self._session.get(self.connection.server + path, params=query, timeout=timeout) as response:
                await _raise_for(response, path)
                async for line in _lines(response):
                    yield _change(line, path)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error, path) from error

    async def apply(
        self, resource: Resource, obj: Object, *, manager: str, subresource: str = "", force: bool = True
    ) -> Object:
        """Server-side apply of the fields in `obj` and of nothing else; fields left out since are dropped.

        force takes over fields that someone else wrote: only ever apply fields that are ours by contract.
        """
        metadata = obj["metadata"]
        path = resource.path(metadata.get("namespace", ""), metadata["name"], subresource)
        body = {"apiVersion": resource.api_version, "kind": resource.kind} | obj
        query = {"fieldManager": manager, "force": str(force).lower()}
        return await self._send("PATCH", path, query, body, _APPLY)

    async def merge(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Object,
        *,
        manager: str,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """A JSON merge patch; with metadata.resourceVersion in it, a conflict where the object has changed.

        dry_run: admission answers, nothing is written.
        """
        path = resource.path(namespace, name, subresource)
        query = {"fieldManager": manager} | ({"dryRun": "All"} if dry_run else {})
        return await self._send("PATCH", path, query, patch, _MERGE)

    async def create(self, resource: Resource, obj: Object, *, manager: str, subresource: str = "") -> Object:
        """Create it, or call a subresource that is created (`token`, `eviction`)."""
        metadata = obj["metadata"]
        path = resource.path(
            metadata.get("namespace", ""), metadata.get("name", "") if subresource else "", subresource
        )
        body = {"apiVersion": resource.api_version, "kind": resource.kind} | obj
        return await self._send("POST", path, {"fieldManager": manager}, body)

    async def replace(self, resource: Resource, obj: Object, *, manager: str) -> Object:
        """Write the whole object; its metadata.resourceVersion makes it fail where someone else was faster."""
        metadata = obj["metadata"]
        path = resource.path(metadata.get("namespace", ""), metadata["name"])
        body = {"apiVersion": resource.api_version, "kind": resource.kind} | obj
        return await self._send("PUT", path, {"fieldManager": manager}, body)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete it; that it is gone already is no error."""
        try:
            await self._send("DELETE", resource.path(namespace, name))
        except ApiError as error:
            if not error.not_found:
                raise

    async def read(self, path: str) -> Object:
        """Any address below the server, for discovery: `/apis/apps/v1`."""
        return await self._send("GET", path)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = "application/json",
    ) -> Object:
        """One request; a server that says it is busy is asked again after as long as it says."""
        data = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": content} if data is not None else {}
        for last in (*(False,) * (BUSY_TRIES - 1), True):
            try:
                url = self.connection.server + path
                async with self._session.request(method, url, params=query, data=data, headers=headers) as response:
                    pause = _pause(response)
                    if last or pause is None:
                        await _raise_for(response, path)
                        return _object(await response.read(), path)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _unreachable(error, path) from error
            await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")


def _selecting(labels: str, fields: str) -> dict[str, str]:
    return {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}


def _pause(response: aiohttp.ClientResponse) -> float | None:
    """Seconds to wait where the server asks for it (429, 503 with Retry-After), else None."""
    after = response.headers.get("Retry-After", "")
    if response.status not in {429, 503} or not after.isdecimal():
        return None
    return min(float(after), LONGEST_PAUSE)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines of any length: aiohttp's own `readline` gives up at 128 KiB."""
    rest = b""
    async for piece in response.content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line:
                yield line


def _change(line: bytes, path: str) -> Change:
    event = _object(line, path)
    found = event.get("object") or {}
    if event.get("type") == "ERROR":
        raise _refused(int(found.get("code") or 500), found, path)
    return Change(str(event.get("type")), found)


async def _raise_for(response: aiohttp.ClientResponse, path: str) -> None:
    if response.status < 400:
        return
    text = await response.read()
    try:
        status = orjson.loads(text)
    except orjson.JSONDecodeError:
        status = None
    raise _refused(response.status, status if isinstance(status, dict) else {"message": response.reason}, path)


def _refused(code: int, status: Object, path: str) -> ApiError:
    reason = str(status.get("reason") or "")
    hint = "check the role of its service account" if code in {401, 403} else ""
    return ApiError(str(status.get("message") or f"HTTP {code}"), status=code, reason=reason, where=path, hint=hint)


def _unreachable(error: Exception, path: str) -> ApiError:
    return ApiError(
        f"no answer from the API server: {str(error) or type(error).__name__}",
        where=path,
        hint="check that the API server is up and can be reached from here",
    )


def _object(text: bytes, path: str) -> Object:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ApiError(f"the answer is not JSON: {error}", where=path) from error
    if not isinstance(found, dict):
        raise ApiError("the answer is not an object", where=path)
    return found
