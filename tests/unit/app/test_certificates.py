"""The guard's own authority: what is due when, and that every step is one that clients go on trusting."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from scalewarden.app.certificates import CA_LIFE, CA_RENEW, LEAF_LIFE, LEAF_RENEW, Material, following

NAMES = ("scalewarden-guard.scalewarden.svc", "scalewarden-guard.scalewarden.svc.cluster.local")
START = datetime(2026, 1, 1, tzinfo=UTC)


def first() -> Material:
    """The material of an empty Secret."""
    made = following(None, NAMES, START)
    assert made is not None
    return made


def step(material: Material, at: datetime, names: tuple[str, ...] = NAMES) -> Material:
    """The step that is due; fails where none is."""
    made = following(material, names, at)
    assert made is not None
    return made


def trusts(bundle: bytes, cert: bytes, at: datetime, name: str = NAMES[0]) -> bool:
    """Whether a client with this bundle accepts the certificate for the name."""
    store = Store(x509.load_pem_x509_certificates(bundle))
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(x509.load_pem_x509_certificate(cert), [])
    except x509.verification.VerificationError:
        return False
    return True


def test_the_first_certificate_is_for_the_names_of_the_service() -> None:
    made = first()
    assert all(trusts(made.bundle, made.cert, START, name) for name in NAMES)
    assert not trusts(made.bundle, made.cert, START, "other.svc")
    assert following(made, NAMES, START + timedelta(days=1)) is None


def test_the_leaf_is_renewed_by_the_same_authority_before_it_ends() -> None:
    made = first()
    due = START + LEAF_LIFE - LEAF_RENEW
    assert following(made, NAMES, due - timedelta(seconds=1)) is None
    renewed = step(made, due)
    assert (renewed.bundle, renewed.ca_key) == (made.bundle, made.ca_key)
    assert renewed.cert != made.cert and trusts(made.bundle, renewed.cert, due)


def test_a_new_authority_is_trusted_one_step_before_it_signs() -> None:
    due = START + CA_LIFE - CA_RENEW
    before = step(first(), due - timedelta(days=40))  # the leaf in use then
    announced = step(before, due)
    assert announced.cert == before.cert and announced.bundle.endswith(before.bundle)
    signed = step(announced, due)
    assert signed.bundle == announced.bundle
    for bundle in (announced.bundle, signed.bundle):
        assert trusts(bundle, announced.cert, due) and trusts(bundle, signed.cert, due)
    assert not trusts(before.bundle, signed.cert, due), "the step in between is what keeps clients trusting"
    assert following(signed, NAMES, due) is None


def test_an_authority_that_has_ended_leaves_the_bundle() -> None:
    material: Material = first()
    oldest = x509.load_pem_x509_certificate(material.bundle)
    for at in (START + CA_LIFE - CA_RENEW, START + CA_LIFE):
        steps = 0
        while (due := following(material, NAMES, at)) is not None:
            material, steps = due, steps + 1
            assert steps < 5, "it must come to rest"
        assert trusts(material.bundle, material.cert, at)
    assert oldest not in x509.load_pem_x509_certificates(material.bundle)


def test_other_names_need_another_leaf() -> None:

    renamed = step(first(), START, ("guard.other.svc",))
    assert trusts(renamed.bundle, renamed.cert, START, "guard.other.svc")


@pytest.mark.parametrize("part", ["bundle", "ca_key", "cert"])
def test_what_cannot_be_read_is_made_anew(part: str) -> None:
    broken = replace(first(), **{part: b"junk"})
    made = step(broken, START)
    assert trusts(made.bundle, made.cert, START)


def test_material_survives_the_secret() -> None:
    made = first()
    assert Material.of(made.data) == made
    with pytest.raises(KeyError):
        Material.of({"tls.crt": b""})


def test_key_and_certificate_belong_together(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("tls")
    made = step(first(), START + LEAF_LIFE - LEAF_RENEW)
    (folder / "c").write_bytes(made.cert)
    (folder / "k").write_bytes(made.key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / "c", folder / "k")
