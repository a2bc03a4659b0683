"""Certificates and keys of one throw-away cluster: elliptic-curve, valid for a week, made in milliseconds."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=7)
_SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class KeyPair:
    """Files of one certificate and its private key, both PEM."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority in a folder (`<name>.crt`, `<name>.key`), made on first use."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self.files = KeyPair(folder / f"{name}.crt", folder / f"{name}.key")
        if not self.files.key.exists():
            self._create(name)
        self._cert = x509.load_pem_x509_certificate(self.files.cert.read_bytes())
        key = serialization.load_pem_private_key(self.files.key.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    def server(self, name: str, hosts: Sequence[str]) -> KeyPair:
        """A serving certificate for DNS names and IP addresses."""
        names = x509.SubjectAlternativeName([_san(host) for host in hosts])
        return self._issue(name, _subject(hosts[0]), [ExtendedKeyUsageOID.SERVER_AUTH], names)

    def client(self, name: str, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """A client certificate: Kubernetes reads the user from CN and the groups from O."""
        return self._issue(name, _subject(user, groups), [ExtendedKeyUsageOID.CLIENT_AUTH])

    def _create(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(f"scalewarden-local-{name}")
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = _builder(subject, subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        cert = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        _write(self.files, cert, key)

    def _issue(
        self,
        name: str,
        subject: x509.Name,
        usages: list[x509.ObjectIdentifier],
        names: x509.SubjectAlternativeName | None = None,
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self._cert.subject, key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        files = KeyPair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        _write(files, builder.sign(self._key, hashes.SHA256()), key)
        return files


def write_signing_key(private: Path, public: Path) -> None:
    """The key with which service account tokens are signed, and its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    _write_private(private, key)
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _subject(user: str, groups: Sequence[str] = ()) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=public_key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _SKEW,
        not_valid_after=now + _LIFETIME,
    )


def _write(files: KeyPair, cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    files.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    _write_private(files.key, key)


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
