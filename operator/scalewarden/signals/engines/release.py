"""Which release of an engine an image is, as far as its tag says."""

import re

from scalewarden.signals.engines.table import EngineTable

_RELEASE = re.compile(r":v?(\d{1,4}(?:\.\d{1,4}){1,3})")


def release_of(image: str | None, table: EngineTable) -> str | None:
    """`0.12.1` of `vllm/vllm-openai:v0.12.1`; None for a tag that names no release, and for others' images."""
    found = _RELEASE.search(image or "") if any(one in (image or "") for one in table.images) else None
    return found[1] if found else None


def numbers(version: str) -> tuple[int, ...]:
    """`0.12.1` as numbers that compare."""
    return tuple(int(part) for part in version.split("."))
