"""Which files a path stands for, and their objects. What is no manifest is passed over, what cannot be read is told."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePath

from scalewarden.errors import BadInput
from scalewarden.model.checked import Place, Remark
from scalewarden.sources.manifests.parsing import Manifest, NotYaml, count, parse, templated

STDIN = "-"
ENDINGS = (".yaml", ".yml", ".json")
_LOOKS_LIKE_ONE = re.compile(r"""^[ \t]*["']?apiVersion["']?[ \t]*:""", re.MULTILINE)
_A_MANIFEST = re.compile(rb"a\0?p\0?i\0?V\0?e\0?r\0?s\0?i\0?o\0?n")
"""In bytes that are no text, perhaps of two for each letter."""
_SKIPPED_FOLDERS = frozenset({".git", ".venv", "node_modules", "__pycache__", ".tox", "vendor"})
LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read; rendered output of a whole platform has a few."""
_PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902")


@dataclass(slots=True)
class Found:
    """What was read; documents: Kubernetes objects of any kind."""

    manifests: list[Manifest] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    errors: list[Remark] = field(default_factory=list)
    files: int = 0
    documents: int = 0


def collect(paths: Sequence[str], exclude: Sequence[str] = ()) -> Found:
    """Everything that is written in files and folders, and on stdin for `-`. Raises BadInput for a path that is not
    there."""
    found, seen = Found(), set[str]()
    for path in paths:
        for file in _files(path, exclude):
            if (place := os.path.normpath(file)) not in seen:
                seen.add(place)
                _read(file, found)
    _drop_patches(found)
    return found


def collect_whole(paths: Sequence[str]) -> Found:
    """The same for those who need all of it: raises BadInput also for the first file that is no YAML."""
    found = collect(paths)
    for error in found.errors[:1]:
        raise BadInput(error.text, where=str(error.place))
    return found


def _files(path: str, exclude: Sequence[str]) -> Iterator[str]:
    if path == STDIN:
        yield path
    elif Path(path).is_file():
        if not excluded(path, exclude):
            yield path
    elif Path(path).is_dir():
        yield from _below(path, exclude)
    else:
        raise BadInput("there is no such file or folder", where=path, hint="give files, folders, or - for stdin")


def _below(folder: str, exclude: Sequence[str]) -> Iterator[str]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        for name in sorted(names):
            file = str(PurePath(root) / name)
            if name.endswith(ENDINGS) and not excluded(file, exclude, folder):
                yield file


def excluded(file: str, patterns: Iterable[str], folder: str | Path = ".") -> bool:
    """True for a path that a pattern of the configuration names, from where the command runs or from the folder that
    was given: `charts/**`, `*.gen.yaml`, `vendor`."""
    places = {PurePath(os.path.relpath(file, start)).as_posix() for start in (".", folder)}
    return any(
        fnmatch(place, one) or fnmatch(place, f"{one.rstrip('/')}/*") or fnmatch(PurePath(file).name, one)
        for one in patterns
        for place in places
    )


def _read(file: str, found: Found) -> None:
    """One file's objects. A folder holds much that is no manifest: that is passed over without a word."""
    found.files += 1
    name = "<stdin>" if file == STDIN else file
    try:
        text = sys.stdin.buffer.read(LARGEST + 1) if file == STDIN else _bytes(file)
        if file == STDIN and not text.strip():
            raise ValueError("it is empty: did the command before it fail?")
        objects(name, _decoded(text), found)
    except UnicodeDecodeError as error:
        if _A_MANIFEST.search(error.object):
            found.errors.append(Remark(Place(name, 1), f"cannot be read: {_reason(error)}"))
    except (OSError, ValueError) as error:
        found.errors.append(Remark(Place(name, 1), f"cannot be read: {_reason(error)}"))


def _bytes(file: str) -> bytes:
    with Path(file).open("rb") as opened:
        return opened.read(LARGEST + 1)


def _decoded(data: bytes) -> str:
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB")
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return data.decode("utf-16" if wide else "utf-8-sig")


def objects(name: str, text: str, found: Found) -> None:
    """Add the objects of one text, or what is wrong with it; what looks like no manifest is passed over."""
    if not _LOOKS_LIKE_ONE.search(text) and '"apiVersion"' not in text:
        return
    before = len(found.manifests)
    try:
        for one in parse(name, text):
            (found.remarks if isinstance(one, Remark) else found.manifests).append(one)  # type: ignore[arg-type]
    except NotYaml as error:
        place = Place(name, error.line, text=_line(text, error.line))
        if templated(text):
            found.remarks.append(Remark(place, "a template that is not rendered: skipped, check what it renders to"))
        else:
            found.errors.append(Remark(place, f"not YAML: {error.problem}"))
    found.documents += max(count(text), len(found.manifests) - before)


def _line(text: str, line: int) -> str:
    lines = text.splitlines()
    return lines[line - 1] if line <= len(lines) else ""


def _drop_patches(found: Found) -> None:
    """Patches of a Kustomization are parts of objects; judged alone, what they leave out would look missing."""
    named = {file for one in found.manifests if one.kind in ("Kustomization", "Component") for file in _patches(one)}
    for one in [one for one in found.manifests if os.path.normpath(one.text.file) in named]:
        found.manifests.remove(one)
        found.remarks.append(
            Remark(one.place(), f"{one.label} is a Kustomize patch: skipped, check what it renders to")
        )


def _patches(kustomization: Manifest) -> Iterator[str]:
    folder = os.path.dirname(kustomization.text.file)  # noqa: PTH120 - names stay as they were given
    for key in _PATCHES:
        for one in kustomization.value.get(key) or ():
            path = one.get("path") if isinstance(one, dict) else one
            if isinstance(path, str) and "\n" not in path:
                yield os.path.normpath(os.path.join(folder, path))  # noqa: PTH118


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
