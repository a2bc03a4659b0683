"""What a support bundle may hold, by construction: a shape lists the fields that are read, a leaf makes each value from
what it may be. A field that no shape lists and a value that no leaf knows do not exist for the bundle.

What tells things apart but may not be shown (the name of a model, a label's value) becomes an alias, the same one
wherever it stands in one recording, so that what belongs together still does.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.model.duration import rfc3339, unix_seconds
from scalewarden.sources.kept_words import OBJECT_LABEL_WORDS, OBJECT_LABELS
from scalewarden.sources.quantity import quantity as number_of

REDACTED = "<redacted>"

NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,3})?")
_DURATION = re.compile(r"(?:[0-9]{1,6}(?:\.[0-9]{1,6})?(?:ms|s|m|h))+")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_API = re.compile(r"(?:[a-z0-9.-]{1,200}/)?v[a-z0-9]{1,20}")
_UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Keeper:
    """Aliases and counts of one recording.

    names: of the objects in it, which may be repeated wherever they occur; given before anything is kept. selecting:
    keys of labels that selectors use. removed: how often something was left out or replaced, by what it was.
    """

    names: set[str] = field(default_factory=set)
    selecting: set[str] = field(default_factory=set)
    removed: Counter[str] = field(default_factory=Counter)
    _aliases: dict[str, dict[str, str]] = field(default_factory=dict)

    def alias(self, kind: str, text: str) -> str:
        """`kind~1`, `kind~2` …: always the same for the same text, and never what something else is called."""
        known = self._aliases.setdefault(kind, {})
        return known.setdefault(text, f"{kind}~{len(known) + 1}")

    @property
    def aliases(self) -> dict[str, int]:
        """How many things of each kind go by an alias."""
        return {kind: len(known) for kind, known in self._aliases.items()}


Leaf = Callable[[Any, Keeper], Any]
Shape = Leaf | Mapping[str, Any] | Sequence[Any]
"""A leaf; a mapping of fields to shapes; or one shape in a list, for a list of such."""


def kept(value: Any, shape: Shape, keeper: Keeper) -> Any:
    """The part of a value that its shape allows; None where there is nothing."""
    if callable(shape):
        return shape(value, keeper)
    if isinstance(shape, Mapping):
        return _fields(value, shape, keeper) if isinstance(value, Mapping) else None
    items = value if isinstance(value, list | tuple) else ()
    return [one for item in items if (one := kept(item, shape[0], keeper)) is not None]


def _fields(value: Mapping[str, Any], shape: Mapping[str, Any], keeper: Keeper) -> dict[str, Any]:
    keeper.removed["fields"] += len(value.keys() - shape.keys())
    found = {key: kept(value[key], inner, keeper) for key, inner in shape.items() if value.get(key) is not None}
    return {key: one for key, one in found.items() if one is not None}


def count(value: Any, keeper: Keeper) -> int | None:
    """A whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def boolean(value: Any, keeper: Keeper) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def _matching(pattern: re.Pattern[str]) -> Leaf:
    def leaf(value: Any, keeper: Keeper) -> str | None:
        return value if isinstance(value, str) and len(value) <= 253 and pattern.fullmatch(value) else None

    return leaf


duration, kind, api_version, name = map(_matching, (_DURATION, _KIND, _API, _NAME))


def instant(value: Any, keeper: Keeper) -> str | None:
    """An instant, as RFC 3339."""
    try:
        at = unix_seconds(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if at is None else value if _INSTANT.fullmatch(value) else rfc3339(at)


def quantity(value: Any, keeper: Keeper) -> Any:
    """A number, or a quantity as Kubernetes writes it."""
    return value if number_of(value) is not None else None


def uid(value: Any, keeper: Keeper) -> str | None:
    """A UUID as the API server makes them; an alias for anything else."""
    if not isinstance(value, str):
        return None
    return value if _UID.fullmatch(value) else keeper.alias("uid", value)


def one_of(*words: str) -> Leaf:
    """One of these words."""
    return lambda value, keeper: value if isinstance(value, str) and value in words else None


def redacted(value: Any, keeper: Keeper) -> str:
    """That there is a text, and nothing of it."""
    if not str(value).strip():
        return ""
    keeper.removed["texts"] += 1
    return REDACTED


def either(leaf: Leaf) -> Leaf:
    """What the leaf makes of a value, else that there is something."""

    def made(value: Any, keeper: Keeper) -> Any:
        found = leaf(value, keeper)
        return redacted(value, keeper) if found is None else found

    return made


def word(text: str, words: frozenset[str], kind: str, keeper: Keeper) -> str:
    """A number, a word of the list or a recorded name as it stands; anything else as an alias."""
    if text == "" or text in words or text in keeper.names or NUMBER.fullmatch(text):
        return text
    keeper.removed[f"{kind}s"] += 1
    return keeper.alias(kind, text)


def labels(value: Any, keeper: Keeper) -> dict[str, str] | None:
    """The labels that selectors use, and those that say what a pod is."""
    if not isinstance(value, Mapping):
        return None
    read = {key: text for key, text in value.items() if key in keeper.selecting or key in OBJECT_LABELS}
    keeper.removed["labels"] += len(value) - len(read)
    return dict(label(key, text, keeper) for key, text in read.items())


def selector(value: Any, keeper: Keeper) -> dict[str, str] | None:
    """Labels that an object selects by."""
    if not isinstance(value, Mapping):
        return None
    return dict(label(key, text, keeper) for key, text in value.items())


def label(key: Any, value: Any, keeper: Keeper) -> tuple[str, str]:
    """A label's key and value."""
    shown = str(key) if key in OBJECT_LABELS else keeper.alias("label", str(key))
    return shown, word(str(value), OBJECT_LABEL_WORDS, "value", keeper)


def knows(keeper: Keeper, text: object) -> None:
    """Let the name of a recorded object stand wherever it occurs."""
    if isinstance(text, str) and _NAME.fullmatch(text):
        keeper.names.add(text)


def requirement(value: Any, keeper: Keeper) -> dict[str, Any] | None:
    """A term of a label selector."""
    if not isinstance(value, Mapping):
        return None
    key, _ = label(value.get("key"), "", keeper)
    values = value.get("values")
    listed = [label("", one, keeper)[1] for one in values] if isinstance(values, list | tuple) else []
    operator = one_of("In", "NotIn", "Exists", "DoesNotExist")(value.get("operator"), keeper)
    return {"key": key, "operator": operator, "values": listed}
