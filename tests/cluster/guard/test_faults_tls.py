"""Certificates that nobody trusts, that have ended, and that change under load: the policies answer meanwhile."""

import json
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from scalewarden.app import guard as guard_module
from scalewarden.app.certificates import CA_LIFE, CA_RENEW, LEAF_LIFE, LEAF_RENEW, Authority, Material
from scalewarden.app.guard_tls import Tls
from tests.cluster.guard.bench import Bench
from tests.cluster.guard.inside import InsideGuard
from tests.cluster.guard.load import WEBHOOK, Load, wait_until_known
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

NAMES = ("scalewarden-guard.scalewarden.svc", "scalewarden-guard.scalewarden.svc.cluster.local")
EVERY = 1.0
"""Seconds between two looks at the certificate; 60 in a real guard."""
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "Tls", partial(Tls, every=EVERY))


@pytest.fixture
def fenced(bench: Bench) -> Iterator[Bench]:
    """A judged service; the authority is made anew afterwards."""
    bench.judge(safe=4)
    bench.fence()
    yield bench
    put_secret(bench.cluster, {})


def put_secret(cluster: LocalCluster, data: dict[str, bytes]) -> None:
    """What the guards find."""
    kept = {name: b64encode(value).decode() for name, value in data.items()}
    patch = json.dumps([{"op": "replace", "path": "/data", "value": kept}])
    secret = cluster.get("secret", "scalewarden-guard-tls", "scalewarden")
    if "data" not in secret:
        patch = patch.replace("replace", "add")
    cluster.kubectl("patch", "secret", "scalewarden-guard-tls", "-n", "scalewarden", "--type=json", "-p", patch)


def trust(cluster: LocalCluster, bundle: bytes) -> None:
    """What the API server believes."""
    text = b64encode(bundle).decode()
    patch = [{"op": "add", "path": f"/webhooks/{n}/clientConfig/caBundle", "value": text} for n in (0, 1)]
    name = ("mutatingwebhookconfiguration", "scalewarden-guard")
    cluster.kubectl("patch", *name, "--type=json", "-p", json.dumps(patch))


def trusted(cluster: LocalCluster) -> bytes:
    """What the API server believes now."""
    hooks = cluster.get("mutatingwebhookconfiguration", "scalewarden-guard")["webhooks"]
    return b64decode(hooks[0]["clientConfig"]["caBundle"])


def answered_by_the_policy(bench: Bench) -> bool:
    said = bench.scale(2, "--dry-run=server").said
    return "ValidatingAdmissionPolicy" in said and "(Forbidden)" in said


def test_an_authority_that_somebody_replaced_is_put_back(fenced: Bench, port: int) -> None:
    cluster = fenced.cluster
    with InsideGuard(cluster, port):
        wait_until_known(fenced)
        ours = trusted(cluster)
        with Load(fenced) as load:
            load.wait_for("webhook")
            trust(cluster, trustme.CA().cert_pem.bytes())
            cluster.wait_for(lambda: trusted(cluster) == ours, "the authority to be put back", EVERY + 10)
            load.wait_for("webhook")
    load.judge()


def test_a_certificate_that_has_ended_is_answered_by_the_policies_until_it_is_renewed(
    fenced: Bench, port: int, tmp_path: Path
) -> None:
    """Files as cert-manager mounts them: somebody else renews."""
    ended, now = datetime.now(UTC) - 2 * LEAF_LIFE, datetime.now(UTC)
    authority = Authority.new(ended)
    put_files(tmp_path, *authority.issue(NAMES, ended))
    trust(fenced.cluster, authority.pem)
    with InsideGuard(fenced.cluster, port, cert_dir=tmp_path):
        fenced.cluster.wait_for(lambda: answered_by_the_policy(fenced), "the policies to answer", 10)
        assert fenced.scale(6, "--dry-run=server").done
        put_files(tmp_path, *authority.issue(NAMES, now))
        fenced.cluster.wait_for(
            lambda: WEBHOOK in fenced.scale(2, "--dry-run=server").said, "the guard to be trusted again", EVERY + 15
        )


def put_files(folder: Path, cert: bytes, key: bytes) -> None:
    """As one step, as a mounted Secret changes."""
    (folder / "tls.crt").write_bytes(cert)
    (folder / "tls.key").write_bytes(key)


def test_an_authority_of_our_own_that_has_ended_is_made_anew_at_the_first_look(fenced: Bench, port: int) -> None:
    """As after a year in which the guard was scaled to zero."""
    long_ago = datetime.now(UTC) - CA_LIFE - DAY
    old = Authority.new(long_ago)
    put_secret(fenced.cluster, Material(old.pem, old.key_pem, *old.issue(NAMES, long_ago)).data)
    trust(fenced.cluster, old.pem)
    with InsideGuard(fenced.cluster, port) as inside:
        live = served(port, trusted(fenced.cluster))
        assert live.not_valid_after_utc > datetime.now(UTC) + LEAF_RENEW
        wait_until_known(fenced)
        assert inside.guard.world.problem() == ""


def served(port: int, bundle: bytes) -> x509.Certificate:
    """The certificate that a client meets which trusts the bundle. Raises SSLError where it would not."""
    context = ssl.create_default_context(cadata=bundle.decode())
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=NAMES[0]) as secure,
    ):
        der = secure.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)


def test_authority_and_certificate_change_under_load_and_every_handshake_succeeds(fenced: Bench, port: int) -> None:
    cluster, now = fenced.cluster, datetime.now(UTC)
    old = Authority.new(now - CA_LIFE + CA_RENEW - DAY)  # due tomorrow, in effect now
    put_secret(cluster, Material(old.pem, old.key_pem, *old.issue(NAMES, now - LEAF_LIFE + LEAF_RENEW + DAY)).data)
    trust(cluster, old.pem)
    with InsideGuard(cluster, port), Load(fenced) as load:
        load.wait_for("webhook")
        cluster.wait_for(
            lambda: served(port, trusted(cluster)).issuer != old.cert.subject, "a leaf of the new authority", 20
        )
        load.wait_for("webhook")
    load.judge()
    bundle = x509.load_pem_x509_certificates(trusted(cluster))
    assert [one.subject == old.cert.subject for one in bundle] == [False, True], "the old one is trusted until it ends"
