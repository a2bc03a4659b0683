"""The guard's own certificate authority: ECDSA P-256, kept in a Secret that its replicas share, rotated in place.

One step at a time, so that no request ever meets a certificate that the API server does not trust yet: a new CA first
goes into the bundle beside the old one, and only the next step issues a leaf from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
CA_LIFE, CA_RENEW = 730 * DAY, 365 * DAY
LEAF_LIFE, LEAF_RENEW = 90 * DAY, 30 * DAY
BACKDATE = timedelta(hours=1)
"""Clocks of API servers may be behind ours."""

CA_CERT, CA_KEY, CERT, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"


@dataclass(frozen=True, slots=True)
class Material:
    """What the Secret holds, all PEM: every CA that is trusted, the newest first, and the newest one's key."""

    bundle: bytes
    ca_key: bytes
    cert: bytes
    key: bytes

    @classmethod
    def of(cls, data: Mapping[str, bytes]) -> "Material":
        """From the Secret's decoded data. Raises KeyError where a part is missing."""
        return cls(data[CA_CERT], data[CA_KEY], data[CERT], data[KEY])

    @property
    def data(self) -> dict[str, bytes]:
        """As the Secret keeps it."""
        return {CA_CERT: self.bundle, CA_KEY: self.ca_key, CERT: self.cert, KEY: self.key}


def following(material: Material | None, names: Sequence[str], now: datetime) -> Material | None:
    """The next step for this material; None where nothing is due. names are the DNS names that the leaf must carry."""
    try:
        return _following(material, names, now) if material else _new(names, now)
    except (ValueError, x509.ExtensionNotFound):  # not PEM, or not what we wrote: nothing to go on from
        return _new(names, now)


def _following(material: Material, names: Sequence[str], now: datetime) -> Material | None:
    authorities = x509.load_pem_x509_certificates(material.bundle)
    newest, leaf = authorities[0], x509.load_pem_x509_certificate(material.cert)
    authority = Authority(newest, _key(material.ca_key))
    if newest.not_valid_after_utc - now <= CA_RENEW:
        if leaf.not_valid_after_utc <= now:  # nobody trusts it any more: no step in between keeps anything
            return _new(names, now)
        fresh = Authority.new(now)
        return Material(fresh.pem + material.bundle, fresh.key_pem, material.cert, material.key)
    if _is_due(leaf, newest, names, now):
        return Material(material.bundle, material.ca_key, *authority.issue(names, now))
    live = [one for one in authorities if one.not_valid_after_utc > now]
    if len(live) < len(authorities):
        return Material(b"".join(_pem(one) for one in live), material.ca_key, material.cert, material.key)
    return None


def _is_due(leaf: x509.Certificate, newest: x509.Certificate, names: Sequence[str], now: datetime) -> bool:
    carried = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        leaf.not_valid_after_utc - now <= LEAF_RENEW
        or leaf.issuer != newest.subject
        or set(carried.get_values_for_type(x509.DNSName)) != set(names)
    )


def _new(names: Sequence[str], now: datetime) -> Material:
    authority = Authority.new(now)
    return Material(authority.pem, authority.key_pem, *authority.issue(names, now))


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA certificate and its key."""

    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, now: datetime) -> "Authority":
        """A self-signed one; its name holds the instant, so that two can be told apart."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"scalewarden-guard-ca {now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = _builder(name, name, key, now, CA_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return cls(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return _pem(self.cert)

    @property
    def key_pem(self) -> bytes:
        """The key, not encrypted."""
        return _key_pem(self.key)

    def issue(self, names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
        """A server certificate for these names, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name("scalewarden-guard"), self.cert.subject, key, now, LEAF_LIFE)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(signer, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        return _pem(builder.sign(self.key, hashes.SHA256())), _key_pem(key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.not_valid_before(now - BACKDATE).not_valid_after(now + life)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the CA's key is no ECDSA key")
    return key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())
