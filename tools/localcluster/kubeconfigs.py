"""Kubeconfig files: with a client certificate or a bearer token, everything embedded."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from .pki import KeyPair


def with_certificate(pair: KeyPair) -> dict[str, str]:
    """The `user` part for a client certificate."""
    return {
        "client-certificate-data": _encoded(pair.cert.read_bytes()),
        "client-key-data": _encoded(pair.key.read_bytes()),
    }


def with_token(token: str) -> dict[str, str]:
    """The `user` part for a bearer token."""
    return {"token": token}


def write(path: Path, *, server: str, ca_pem: bytes, user: dict[str, str], name: str) -> Path:
    """Write a kubeconfig with one cluster, one user and one context, readable by its owner only."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": _encoded(ca_pem)}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
