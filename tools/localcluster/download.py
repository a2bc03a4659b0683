"""Fetching the release archive: verified before it is opened, and never waited for without end."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .errors import LocalClusterError
from .progress import Progress

_CHUNK = 1 << 20
_TELL_EVERY = 3.0


class DownloadError(LocalClusterError):
    """The archive could not be had, or is not the one that was published."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for a connection or the next bytes, and for the whole file."""

    stall: float = 5.0
    total: float = 600.0


def fetch(url: str, sha512: str, target: Path, progress: Progress, patience: Patience) -> None:
    """Download `url` to `target`; raises DownloadError with the reason unless the sum matches."""
    progress(f"downloading {url}")
    try:
        with (
            urllib.request.urlopen(url, timeout=patience.stall) as response,
            target.open("wb") as out,
        ):
            digest = _copy(response, out, progress, patience)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url}: {_reason(error)}") from error
    if digest != sha512:
        raise DownloadError(f"{url}: its SHA-512 is {digest[:16]}…, the published one is {sha512[:16]}…")


def unpack(archive: Path, names: Iterable[str], folder: Path) -> dict[str, Path]:
    """Take the files with these names, wherever in the archive they are; raises if one is missing."""
    wanted, found = set(names), dict[str, Path]()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = Path(member.name).name
                stream = tar.extractfile(member) if member.isfile() and name in wanted else None
                if stream is not None:
                    found[name] = folder / name
                    with stream, found[name].open("wb") as out:
                        shutil.copyfileobj(stream, out)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DownloadError(f"{archive.name} is not a sound archive: {error}") from error
    if missing := wanted - found.keys():
        raise DownloadError(f"{archive.name} does not contain {', '.join(sorted(missing))}")
    return found


def _copy(response: http.client.HTTPResponse, out: IO[bytes], progress: Progress, patience: Patience) -> str:
    size = int(response.headers.get("Content-Length") or 0)
    digest, done, began = hashlib.sha512(), 0, time.monotonic()
    told = began
    while chunk := response.read1(_CHUNK):
        out.write(chunk)
        digest.update(chunk)
        done += len(chunk)
        now = time.monotonic()
        if now - began > patience.total:
            raise TimeoutError(f"not complete after {patience.total:g} s")
        if now - told > _TELL_EVERY:
            told = now
            progress(f"  {done >> 20} of {size >> 20} MiB")
    if done < size:
        raise OSError(f"it ended after {done} of {size} bytes")
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection ({error.reason})"
    if isinstance(error, TimeoutError):
        return f"no data in time ({error})"
    return str(error) or type(error).__name__
