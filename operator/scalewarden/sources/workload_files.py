"""Manifests in files, as plain objects: multi-document YAML or JSON, lists unpacked, folders read in order of names."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scalewarden.errors import BadInput
from scalewarden.sources.tree import children
from scalewarden.sources.yaml_document import reason

Object = Mapping[str, Any]

ENDINGS = (".yaml", ".yml", ".json")
STDIN = "-"
LARGEST = 8 * 1024 * 1024
"""Bytes of one file that are read."""
_RENDER = "of a Helm chart or a kustomization give what `helm template` or `kubectl kustomize` prints"


def read_objects(path: str) -> tuple[Object, ...]:
    """The objects with a kind in a file, in the files of a folder, or on stdin (`-`).

    Raises BadInput naming the file and line of what cannot be read.
    """
    if path == STDIN:
        return tuple(_objects(_stdin(), "stdin"))
    root = Path(path)
    if not there(path):
        raise BadInput("there is no such file or folder", where=path, hint="give a manifest, or a folder of them")
    files = [root] if root.is_file() else sorted(one for one in root.rglob("*") if one.suffix in ENDINGS)
    return tuple(obj for one in files for obj in _objects(_text(one), str(one)))


def there(path: str) -> bool:
    """True where there is such a file or folder; a name that no file may have is of none."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def _stdin() -> str:
    try:
        return sys.stdin.read(LARGEST + 1)
    except UnicodeDecodeError as error:
        raise BadInput(f"cannot be read: {reason(error)}", where="stdin") from None


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {reason(error)}", where=str(path)) from None


def _objects(text: str, where: str) -> Iterator[Object]:
    if len(text) > LARGEST:
        raise BadInput(f"more than {LARGEST // 1024 // 1024} MiB", where=where, hint="split it")
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"not YAML: {error.problem}", where=f"{where}:{line}", hint=_RENDER) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"not YAML: {reason(error)}", where=where, hint=_RENDER) from None
    for document in documents:
        yield from _unpacked(document)


def _unpacked(document: object) -> Iterator[Object]:
    """An object, or those of a list of the API."""
    if not isinstance(document, Mapping) or not isinstance(document.get("kind"), str):
        return
    if document["kind"].endswith("List") and isinstance(document.get("items"), list):
        yield from (one for one in children(document, "items") if isinstance(one.get("kind"), str))
    else:
        yield document
