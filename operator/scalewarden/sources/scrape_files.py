"""`scrapes/<source>/<unix seconds>.prom[.gz]`: recorded pages, read as strictly as a live one."""

import gzip
import zlib
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

from scalewarden.errors import BadExposition, BadRecording
from scalewarden.model.duration import LATEST, unix_seconds
from scalewarden.model.signal import Absent
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Scrape
from scalewarden.sources.yaml_document import reason

NO_SCRAPE = Absent("the recording holds no scrape of it")
LARGEST_PAGE = 64 * 1024 * 1024
"""Bytes; the pages of large engines are well below one million."""


def read_folder(folder: Path, more: frozenset[str] = frozenset()) -> tuple[Scrape, ...] | Absent:
    """All scrapes of one source, oldest first; Absent where the folder is missing or empty. more: series that are
    read beside the known ones.

    Raises BadRecording naming the file, and the line where there is one.
    """
    try:
        files = [file for file in folder.iterdir() if not file.name.startswith(".")] if folder.exists() else []
    except OSError as error:
        raise BadRecording(f"cannot be read: {reason(error)}", where=str(folder)) from None
    scrapes = sorted((read_scrape(file, more) for file in files), key=lambda scrape: scrape.at)
    for earlier, later in pairwise(scrapes):
        if earlier.at == later.at:
            raise BadRecording(f"two scrapes at {later.at:.0f}", where=str(folder), hint="keep one of the two files")
    return tuple(scrapes) or NO_SCRAPE


def read_scrape(file: Path, more: frozenset[str] = frozenset()) -> Scrape:
    """One recorded page."""
    at = _instant(file)
    try:
        return Scrape(at, tuple(parse(_text(file), WANTED | more, where=str(file), ended=False)))
    except BadExposition as error:
        raise BadRecording(error.message, where=error.where, hint=error.hint) from None


def _instant(file: Path) -> float:
    stem = file.name.removesuffix(".gz")
    hint = "name it <unix seconds>.prom or <unix seconds>.prom.gz"
    if not stem.endswith(".prom"):
        raise BadRecording("not a recorded scrape", where=str(file), hint=hint)
    text = stem.removesuffix(".prom")
    try:
        at = float(text) if text.replace(".", "", 1).isdecimal() else unix_seconds(text)
        if at > LATEST:
            raise BadRecording(f"{text} is beyond the year 9999: milliseconds?", where=str(file), hint=hint)
        return at
    except (OverflowError, ValueError):
        raise BadRecording(f"{text!r} is not an instant", where=str(file), hint=hint) from None


def _text(file: Path) -> str:
    try:
        with _opened(file) as stream:
            data = stream.read(LARGEST_PAGE + 1)
        if len(data) > LARGEST_PAGE:
            raise BadRecording(f"larger than {LARGEST_PAGE >> 20} MiB: not a metrics page", where=str(file))
        if not data and file.suffix == ".gz" and file.stat().st_size == 0:
            raise EOFError
        return data.decode()
    except EOFError:
        raise BadRecording("truncated gzip: the file ends too early", where=str(file)) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadRecording(f"not a gzip file: {reason(error)}", where=str(file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecording(f"cannot be read: {reason(error)}", where=str(file)) from None


def _opened(file: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")
