"""A YAML or JSON file with the line of every value, so that what is wrong in it can be pointed at."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scalewarden.errors import BadRecording

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Plain trees of plain data: instants stay as text, a key that is there twice is an error instead of the last one
    winning, and aliases, which may be endless, are not followed."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
            raise _marked("aliases are not read: write the value out", alias.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _marked("a key must be plain text", key.start_mark)
            if key.value in seen:
                raise _marked(f"{key.value!r} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _marked(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content and its syntax tree."""

    path: Path
    value: Any
    root: yaml.Node | None

    def where(self, *keys: str | int) -> str:
        """`file:line` of the value at a path of keys and indices, or of the deepest part of the path that is there."""
        node, line = self.root, 1
        for key in keys:
            found = _step(node, key)
            if found is None:
                break
            node, line = found
        return f"{self.path}:{line}"

    def bad(self, what: str, *keys: str | int, hint: str = "") -> BadRecording:
        """An error at a path; `what` says what is wrong there."""
        name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
        return BadRecording(f"{name}: {what}" if name else what, where=self.where(*keys), hint=hint)


def _step(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node, int] | None:
    """The value under a key or index, and the line where it begins: that of its key, where it has one."""
    if isinstance(node, yaml.MappingNode):
        return next(((value, name.start_mark.line + 1) for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key].start_mark.line + 1
    return None


def read(path: Path) -> Document:
    """Read a file. Raises BadRecording naming file and line where it cannot be read or is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadRecording("there is no such file", where=str(path), hint=_HINT) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecording(f"cannot be read: {reason(error)}", where=str(path)) from None
    try:
        return Document(path, yaml.load(text, _Loader), yaml.compose(text, _Loader))  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadRecording(f"not YAML: {error.problem}", where=f"{path}:{line}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadRecording(f"not YAML: {reason(error)}", where=str(path)) from None


_HINT = "a recording is a folder with recording.yaml and scrapes/; the guide evaluate-a-recording shows one"


def reason(error: Exception) -> str:
    """An exception as one line for people."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def keys_of(value: Any) -> Sequence[str]:
    """The keys of a mapping; none of anything else."""
    return [str(key) for key in value] if isinstance(value, dict) else []
