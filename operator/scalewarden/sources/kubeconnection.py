"""How to reach the Kubernetes API: a kubeconfig, or the service account of the pod we run in."""

import asyncio
import logging
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

from scalewarden.errors import BadInput

log = logging.getLogger(__name__)

TOKEN_AGE = 60.0
"""Seconds after which a token is read anew: mounted tokens and exec plugins rotate theirs."""

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_HINT = "give --kubeconfig and --context, or run in a pod with a service account"


@dataclass(frozen=True, slots=True)
class Connect:
    """Where the configuration comes from.

    kubeconfig: a file; None takes the pod's service account, else $KUBECONFIG or ~/.kube/config.
    context: one of its contexts; None takes the current one.
    """

    kubeconfig: Path | None = None
    context: str | None = None

    def load(self) -> Configuration:
        """Read the configuration; runs the kubeconfig's exec plugin where it has one. Raises BadInput."""
        found = Configuration()
        try:
            if self.kubeconfig is None and self.context is None and _SERVICE_ACCOUNT.exists():
                load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
            else:
                path = str(self.kubeconfig) if self.kubeconfig else None
                load_kube_config(  # type: ignore[no-untyped-call]
                    path, self.context, client_configuration=found, persist_config=False
                )
        except (ConfigException, OSError, ValueError, yaml.YAMLError) as error:
            raise BadInput(
                f"the cluster cannot be reached: {' '.join(str(error).split())}", where=self.where, hint=_HINT
            ) from error
        return found

    @property
    def where(self) -> str:
        """The file, for messages."""
        return str(self.kubeconfig or "kubeconfig")


class Connection:
    """The address of an API server, whom to trust, and as whom to come."""

    def __init__(self, connect: Connect) -> None:
        """Reads the configuration once. Raises BadInput where it cannot be used."""
        self._connect = connect
        loaded = connect.load()
        self.server: str = loaded.host.rstrip("/")
        self.tls = _context(loaded, connect.where)
        self._authorization = _authorization(loaded)
        self._read_at = time.monotonic()

    def session(self, *, auto_decompress: bool = True) -> aiohttp.ClientSession:
        """A new HTTP session that authorizes every request; the caller closes it. Needs a running loop."""
        connector = aiohttp.TCPConnector(ssl=self.tls, limit=64)
        timeout = aiohttp.ClientTimeout(total=30, connect=5)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            middlewares=(self._authorize,),
            headers={"User-Agent": "scalewarden"},
            auto_decompress=auto_decompress,
        )

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        await self._renew(TOKEN_AGE)
        if self._authorization:
            request.headers["Authorization"] = self._authorization
        response = await handler(request)
        if response.status == 401 and self._authorization:
            await self._renew(1.0)
        return response

    async def _renew(self, age: float) -> None:
        """Read the token anew where it was read longer ago than `age` seconds; an old one is kept if that fails."""
        if self._authorization is None or time.monotonic() - self._read_at < age:
            return
        self._read_at = time.monotonic()
        try:
            self._authorization = _authorization(await asyncio.to_thread(self._connect.load))
        except BadInput as error:
            log.warning("credentials not renewed, the old ones are kept: %s", error)


def _authorization(loaded: Configuration) -> str | None:
    """The Authorization header; None where a client certificate (or nothing) says who we are."""
    bearer: Any = loaded.api_key.get("BearerToken")
    if bearer:
        return str(bearer) if " " in bearer else f"Bearer {bearer}"
    if loaded.username and loaded.password:
        return str(loaded.get_basic_auth_token())
    return None


def _context(loaded: Configuration, where: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=loaded.ssl_ca_cert)
        if not loaded.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if loaded.cert_file:
            context.load_cert_chain(loaded.cert_file, loaded.key_file)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"its certificates cannot be used: {error}", where=where, hint=_HINT) from error
    return context
