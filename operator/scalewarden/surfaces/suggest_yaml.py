"""YAML with a comment on what is said of a number. The same tree gives the same bytes."""

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

WIDTH = 112
"""Columns of a comment, so that a page can quote it indented."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*([./-][A-Za-z0-9]+)*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Plain words that some YAML reader takes for something else than text."""


@dataclass(frozen=True, slots=True)
class Said:
    """A value with what its comment says."""

    value: "Node"
    comment: str


Node = Mapping[str, "Node"] | Sequence["Node"] | Said | str | int


def document(tree: Mapping[str, Node], head: Sequence[str] = ()) -> str:
    """One document; each line of `head` is a comment at its top, as it is."""
    return "".join(f"{line}\n" for line in (*(f"# {one}".rstrip() for one in map(_safe, head)), *_lines(tree, 0)))


def _lines(node: Node, indent: int) -> Iterator[str]:
    """The lines of a mapping or list."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _entry(f"{' ' * indent}{_scalar(key)}:", value, indent)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for item in node:
            yield from _item(item, indent)


def _entry(head: str, value: Node, indent: int) -> Iterator[str]:
    if isinstance(value, Said):
        yield from comment(value.comment, indent)
        yield from _entry(head, value.value, indent)
    elif isinstance(value, str | int):
        yield f"{head} {_scalar(value)}"
    else:
        yield head
        yield from _lines(value, indent + 2)


def _item(item: Node, indent: int) -> Iterator[str]:
    if isinstance(item, Said):
        yield from comment(item.comment, indent)
        yield from _item(item.value, indent)
    elif isinstance(item, str | int):
        yield f"{' ' * indent}- {_scalar(item)}"
    else:
        first, *rest = _lines(item, indent + 2)
        yield f"{' ' * indent}- {first.lstrip()}"
        yield from rest


def comment(text: str, indent: int = 0) -> list[str]:
    """A text as comment lines."""
    start = f"{' ' * indent}# "
    return textwrap.wrap(_safe(text), WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False)


def _safe(text: str) -> str:
    """On one line whatever somebody wrote into an object."""
    return "".join(one if one.isprintable() else " " for one in text)


def _scalar(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if "'" in value or not value.isprintable():
        return str(yaml.safe_dump(value, default_style='"', width=math.inf)).rstrip("\n")
    return f"'{value}'"
