"""Whom a metrics server is trusted by, and as whom we come: CA, client certificate, bearer token, basic auth."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scalewarden.errors import BadInput, SourceUnavailable


@dataclass(frozen=True, slots=True)
class Access:
    """Credentials for one metrics source, as files so that they can rotate.

    ca_file: PEM of the authorities to trust instead of the system's. cert_file, key_file: client certificate.
    skip_verify: trust any certificate. token_file: bearer token. username, password_file: basic auth.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    skip_verify: bool = False
    token_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None

    def __post_init__(self) -> None:
        if self.token_file and self.username:
            raise BadInput("a bearer token and a user name are both given", hint="give one of the two")
        if self.username and not self.password_file:
            raise BadInput("a user name without a password file", hint="add the password file")
        if self.key_file and not self.cert_file:
            raise BadInput("a client key without its certificate", hint="add the certificate file")

    def context(self) -> ssl.SSLContext:
        """A client's TLS context. Raises BadInput naming the file that cannot be used."""
        context = ssl.create_default_context(cafile=self._readable(self.ca_file))
        if self.skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.cert_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file)
            except (OSError, ssl.SSLError) as error:
                raise _unusable("client certificate", self.cert_file, error) from error
        return context

    def headers(self) -> dict[str, str]:
        """The Authorization header, read anew from its file. Raises SourceUnavailable naming the file."""
        if self.token_file:
            return {"Authorization": f"Bearer {secret(self.token_file)}"}
        if self.username and self.password_file:
            pair = f"{self.username}:{secret(self.password_file)}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    @staticmethod
    def _readable(ca_file: Path | None) -> str | None:
        if ca_file is None:
            return None
        try:
            ssl.create_default_context(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise _unusable("CA file", ca_file, error) from error
        return str(ca_file)


class FreshContext:
    """The TLS context of an Access, made anew when one of its files has changed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._state = self._stamp()
        self._context = access.context()

    def current(self) -> ssl.SSLContext:
        """The context for new connections. Files that cannot be used now leave the last one in force."""
        state = self._stamp()
        if state != self._state:
            try:
                self._context, self._state = self._access.context(), state
            except BadInput:
                return self._context  # half written: looked at again next time
        return self._context

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        files = (self._access.ca_file, self._access.cert_file, self._access.key_file)
        return tuple(_stamp_of(file) for file in files if file is not None)


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def headers_from(files: Mapping[str, Path]) -> dict[str, str]:
    """Headers whose values are read anew from files. Raises SourceUnavailable naming the file."""
    return {name: secret(path) for name, path in files.items()}


def secret(path: Path) -> str:
    """A file's text without the blanks around it. Raises SourceUnavailable naming the file, never what is in it."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SourceUnavailable(
            "the credentials cannot be read", where=str(path), hint="check the file and its permissions"
        ) from None
    if not text or not text.isascii() or not text.isprintable():
        raise SourceUnavailable(
            "the credentials are empty or no plain text", where=str(path), hint="write one line of printable characters"
        )
    return text


def _unusable(what: str, path: Path, error: Exception) -> BadInput:
    return BadInput(f"the {what} cannot be used: {error}", where=str(path), hint="give a readable PEM file")
