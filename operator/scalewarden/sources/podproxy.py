"""Pages of pods through the API server, for whoever is outside of the cluster's network.

`/api/v1/namespaces/NS/pods/[https:]NAME:PORT/proxy/PATH`, which takes the verb get on pods/proxy. The API server
authenticates the request and takes the credentials off before it asks the pod. It refuses to ask loopback addresses.
"""

from collections.abc import Mapping

import aiohttp
import orjson
from yarl import URL

from scalewarden.errors import SourceUnavailable
from scalewarden.sources.base import PodEndpoint
from scalewarden.sources.kubeconnection import Connection
from scalewarden.sources.page import PageLimits, fetch, fetch_page

_LARGEST_STATUS = 64 * 1024
_REFUSALS = (401, 403)
_ROLE = "it takes the verb get on pods/proxy: the ClusterRole scalewarden-support has it"


class ProxyRefused(SourceUnavailable):
    """The API server itself will not pass requests on to pods, whichever pod it is."""


class PodPages:
    """Reads pages through the API server, and by the pods' own addresses once it refuses; `said` then tells why.

    direct: never through the API server. Needs a running loop.
    """

    def __init__(self, connection: Connection, *, direct: bool = False, limits: PageLimits | None = None) -> None:
        self._server = connection.server
        self._limits = limits or PageLimits()
        self._proxies = not direct
        self._through = connection.session(auto_decompress=False)
        self._direct = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )
        self.said = ""

    async def close(self) -> None:
        """Release the connections."""
        await self._through.close()
        await self._direct.close()

    async def page(self, endpoint: PodEndpoint, secret: Mapping[str, str]) -> str:
        """The page's text. Raises SourceUnavailable with a stable cause."""
        if self._proxies:
            try:
                return await self._proxied(endpoint)
            except ProxyRefused as refused:
                self._proxies = False
                hint = f" ({refused.hint})" if refused.hint else ""
                self.said = f"{refused.message}{hint}; pods are asked by their own addresses instead"
        return await fetch_page(self._direct, endpoint, self._limits, secret)

    async def _proxied(self, endpoint: PodEndpoint) -> str:
        where = self._server + proxy_path(endpoint)
        return await fetch(self._through, URL(where, encoded=True), where, self._limits, {}, check=_check)


def proxy_path(endpoint: PodEndpoint) -> str:
    """The page's address below the API server.

    The path may come from a pod's annotation: it must not climb out of the proxy with our credentials.
    """
    scheme = "https:" if endpoint.scheme == "https" else ""
    path, mark, query = endpoint.path.partition("?")
    pod = f"{scheme}{endpoint.pod}:{endpoint.port}"
    steps = [step for step in path.split("/") if step not in ("", ".", "..")]
    slash = "/" if steps and path.endswith("/") else ""
    below = URL.build(path="/" + "/".join(steps) + slash, query_string=query if mark else "")
    return f"/api/v1/namespaces/{endpoint.namespace}/pods/{pod}/proxy{below}"


async def _check(response: aiohttp.ClientResponse) -> None:
    """Tell the API server's own refusals from the pod's answers."""
    if response.status < 400:
        return
    status = await _status(response)
    message = str(status.get("message") or "")
    if response.status in _REFUSALS and "pods/proxy" in message:
        raise ProxyRefused("the API server does not let you ask pods through it", where=_path(response), hint=_ROLE)
    if response.status == 400 and "address not allowed" in message:
        raise ProxyRefused("the API server passes nothing on to loopback addresses", where=_path(response))
    if status.get("kind") == "Status" and "error trying to reach service" in message:
        raise SourceUnavailable(
            "the pod cannot be reached from the API server", where=_path(response), hint=_cause(message)
        )


async def _status(response: aiohttp.ClientResponse) -> Mapping[str, object]:
    """The Status object that the API server answers with; empty for a pod's own answer."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(_LARGEST_STATUS):
        body += chunk
        if len(body) > _LARGEST_STATUS:
            return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _path(response: aiohttp.ClientResponse) -> str:
    return response.url.path


def _cause(message: str) -> str:
    """The end of a chain of causes: `connection refused`."""
    return f"it says: {message.rpartition(': ')[2]}"
