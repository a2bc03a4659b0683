"""Steps into plain objects that anybody may have written: what is not there, or not of the right shape, is empty."""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]


def child(holder: Object, *path: str) -> Object:
    """The mapping at a path; empty where there is none."""
    found: Any = holder
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def children(holder: Object, key: str) -> list[Object]:
    """The mappings of a list; empty where there is none."""
    found = holder.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []
