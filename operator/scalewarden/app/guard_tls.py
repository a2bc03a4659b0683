"""The certificate that the guard serves: its own authority in a Secret, or files that somebody else renews."""

import asyncio
import logging
import ssl
import tempfile
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from scalewarden.app.certificates import CERT, KEY, Material, following
from scalewarden.app.guard_world import MANAGER
from scalewarden.errors import BadInput, ClusterError
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import Resource

log = logging.getLogger(__name__)

SECRETS = Resource("", "v1", "secrets", "Secret")
WEBHOOKS = Resource(
    "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False
)


class Certificate(Protocol):
    """Where the certificate comes from."""

    async def renew(self) -> Material | None:
        """Look once and do what is due; the material to serve if it has changed, else None."""


@dataclass(slots=True)
class OwnAuthority:
    """A CA and a leaf in a Secret that every replica reads, and the CA in the webhook's configuration.

    names: DNS names of the Service; webhook: name of the MutatingWebhookConfiguration; now: the clock (aware).
    """

    api: KubeApi
    namespace: str
    secret: str
    webhook: str
    names: Sequence[str]
    now: Callable[[], datetime]
    served: Material | None = None

    async def renew(self) -> Material | None:
        """Create, rotate or read the Secret, then tell the API server whom to trust. Raises ClusterError."""
        material = await self._material()
        await self._publish(material.bundle)
        changed = material != self.served
        self.served = material
        return material if changed else None

    async def _material(self) -> Material:
        """What the Secret holds after the step that is due; another replica's step where that was faster."""
        found = await self.api.find(SECRETS, self.namespace, self.secret)
        current = _material_of(found) if found else None
        due = following(current, self.names, self.now())
        if due is None and current is not None:
            return current
        try:
            return _material_of(await self._write(found, due)) or _unreadable(self.secret)
        except ApiError as error:
            if not error.conflict:
                raise
        return _material_of(await self.api.get(SECRETS, self.namespace, self.secret)) or _unreadable(self.secret)

    async def _write(self, found: dict[str, Any] | None, material: Material | None) -> dict[str, Any]:
        data = {name: b64encode(value).decode() for name, value in (material.data if material else {}).items()}
        if found is not None:
            return await self.api.replace(SECRETS, {**found, "data": data}, manager=MANAGER)
        labels = {"app.kubernetes.io/name": "scalewarden", "app.kubernetes.io/component": "guard"}
        metadata = {"name": self.secret, "namespace": self.namespace, "labels": labels}
        return await self.api.create(SECRETS, {"metadata": metadata, "type": "Opaque", "data": data}, manager=MANAGER)

    async def _publish(self, bundle: bytes) -> None:
        """Put the bundle into every webhook of the configuration; nothing is written where it is there already."""
        found = await self.api.find(WEBHOOKS, "", self.webhook)
        if found is None:
            log.warning("MutatingWebhookConfiguration %s does not exist: only the policies guard", self.webhook)
            return
        text = b64encode(bundle).decode()
        hooks = found.get("webhooks") or []
        if all(hook["clientConfig"].get("caBundle") == text for hook in hooks):
            return
        updated = [{**hook, "clientConfig": {**hook["clientConfig"], "caBundle": text}} for hook in hooks]
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        patch = {"metadata": version, "webhooks": updated}
        try:
            await self.api.merge(WEBHOOKS, "", self.webhook, patch, manager=MANAGER)
        except ApiError as error:
            if not error.conflict:
                raise
            log.info("MutatingWebhookConfiguration %s was changed meanwhile, looking again later", self.webhook)


@dataclass(slots=True)
class Files:
    """`tls.crt` and `tls.key` in a folder, as cert-manager's Secret is mounted; read anew at each look."""

    folder: Path
    served: Material | None = None

    async def renew(self) -> Material | None:
        """Read both files. Raises BadInput where one cannot be read."""
        try:
            material = await asyncio.to_thread(self._read)
        except OSError as error:
            hint = f"the folder must hold {CERT} and {KEY}"
            raise BadInput(f"no certificate: {error.strerror}", where=str(error.filename), hint=hint) from error
        changed = material != self.served
        self.served = material
        return material if changed else None

    def _read(self) -> Material:
        return Material(b"", b"", (self.folder / CERT).read_bytes(), (self.folder / KEY).read_bytes())


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclass(slots=True)
class Tls:
    """The live context: a new certificate serves new handshakes, open connections go on."""

    certificate: Certificate
    every: float = 60.0
    context: ssl.SSLContext = field(default_factory=_context)

    async def load(self) -> None:
        """Load what there is to serve now. Raises BadInput or ClusterError."""
        material = await self.certificate.renew()
        if material is not None:
            _load(self.context, material)

    async def run(self) -> None:
        """Look again for ever; what goes wrong is logged, and the certificate in use goes on being served."""
        while True:
            await asyncio.sleep(self.every)
            try:
                await self.load()
            except (BadInput, ClusterError) as error:
                log.warning("certificate not renewed: %s", error)


def _load(context: ssl.SSLContext, material: Material) -> None:
    """Through private files, since the ssl module reads nothing else."""
    with tempfile.TemporaryDirectory(prefix="scalewarden-") as folder:  # mode 0700
        cert, key = Path(folder) / CERT, Path(folder) / KEY
        cert.write_bytes(material.cert)
        key.write_bytes(material.key)
        try:
            context.load_cert_chain(cert, key)
        except ssl.SSLError as error:
            raise BadInput(f"the certificate and its key cannot be used: {error.reason}", where=CERT) from error


def _material_of(secret: dict[str, Any]) -> Material | None:
    """None where a part is missing or not base64: the Secret is then written anew."""
    try:
        return Material.of({name: b64decode(text) for name, text in (secret.get("data") or {}).items()})
    except (KeyError, NotBase64):
        return None


def _unreadable(secret: str) -> Material:
    raise ClusterError("the Secret does not hold a certificate", where=secret, hint="empty its data: it is made anew")
