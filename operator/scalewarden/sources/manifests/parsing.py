"""YAML and JSON text → objects with the place of every value. Lenient where kubectl is, and never a traceback.

libyaml reads the text where PyYAML was built with it. Anchors, merge keys, CRLF and a byte order mark are read as
kubectl reads them; of a key that is there twice the last one counts, and the others are remarked on.
"""

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json import JSONDecoder
from typing import Any

import yaml

from scalewarden.model.checked import Place, Remark
from scalewarden.sources.manifests import nested

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
KINDS = (
    "HorizontalPodAutoscaler", "ScaledObject", "ScaledJob", "Deployment", "StatefulSet", "ReplicaSet",
    "LeaderWorkerSet", "Rollout", "InferenceService", "LLMInferenceService", "NIMService", "PodAutoscaler",
    *nested.KINDS, "DeploymentConfig",
    "InferenceDeployment", "Kustomization", "Component",
)  # fmt: skip
"""Kinds that a check reads."""
_READ = re.compile(rf"""["']?\bkind["']?\s*:\s*["']?(?:{"|".join(KINDS)}|\w*List)\b""")
_MARKER = re.compile(r"^(?:---|\.\.\.)(?=\s|$)", re.MULTILINE)
_OBJECT = re.compile(r"""^([ \t]*(?:- )?)(?:[\[{]\s*)*["']?apiVersion["']?\s*:""", re.MULTILINE)
_LIST = re.compile(r"""\bkind["']?\s*:\s*["']?\w*List\b""")
_STEP = re.compile(r"""\["([^"]+)"\]|([^.\[\]]+)|\[(\d+)\]""")
_TEMPLATE = re.compile(r"\{\{|\{%")
_DEEPEST = 100
"""Levels of nesting that are read; no manifest has as many."""


_JSON = JSONDecoder()
_SHORT = 64
"""Characters of a scalar whose tag is remembered: keys and plain values, of which manifests repeat the same few."""


class _Loader(_Base):  # type: ignore[misc]
    """Instants stay text, and an unknown tag is read as what stands behind it."""

    def resolve(self, kind: Any, value: str | None, implicit: Any) -> str:
        """The tag of a node: by its kind and text alone, since no path has a tag of its own."""
        if value is not None and len(value) > _SHORT:
            return _tag(kind, value, implicit)
        return _remembered_tag(kind, value, implicit)


def _tag(kind: Any, value: str | None, implicit: Any) -> str:
    return str(_TAGS.resolve(kind, value, implicit))  # type: ignore[no-untyped-call]


_remembered_tag = lru_cache(maxsize=16_384)(_tag)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Tags(yaml.resolver.BaseResolver):
    """The same tags, apart from any text that is read."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


_TAGS = _Tags()


def _untagged(loader: Any, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else str(node.value)


_Loader.add_constructor(None, _untagged)


class NotYaml(ValueError):
    """A text that is no YAML; line from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.problem, self.line = problem, line


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text, cut into lines once, as one of its documents sees it: `first` lines stand before that."""

    file: str
    lines: tuple[str, ...]
    first: int = 0

    def place(self, line: int, column: int = 1, end: int | None = None) -> Place:
        """A place in the document; without an end, to the end of the line's words."""
        line += self.first
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        start = column if column > 1 else len(text) - len(text.lstrip()) + 1
        return Place(self.file, line, start, end or max(start, len(text.rstrip()) + 1), text)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One Kubernetes object: its content, and its syntax tree in the text that it came from."""

    value: Mapping[str, Any]
    node: yaml.MappingNode = field(repr=False)
    text: Text = field(repr=False)

    @property
    def kind(self) -> str:
        """`Deployment`."""
        return str(self.value.get("kind", ""))

    @property
    def group(self) -> str:
        """The API group: `apps` of apps/v1, empty for the core."""
        return str(self.value.get("apiVersion", "")).rpartition("/")[0]

    @property
    def name(self) -> str:
        """metadata.name; empty where there is none."""
        metadata = self.value.get("metadata")
        return str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""

    @property
    def namespace(self) -> str:
        """metadata.namespace; empty where none is written."""
        metadata = self.value.get("metadata")
        return str(metadata.get("namespace") or "") if isinstance(metadata, Mapping) else ""

    @property
    def label(self) -> str:
        """`Deployment/serving/llama-70b`."""
        return "/".join(part for part in (self.kind, self.namespace, self.name or "?") if part)

    def holds(self, path: str) -> bool:
        """True where something is written at a path."""
        return len(list(self._down(path))) == len(_STEP.findall(path))

    def at(self, path: str) -> object:
        """The value at a path, None where nothing is written there."""
        found: Any = self.value
        for quoted, name, index in _STEP.findall(path):
            try:
                found = found[int(index) if index else quoted or name]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def place(self, path: str = "") -> Place:
        """Where the value at a path like `spec.metrics[0].resource` or `metadata.annotations["a.b/c"]` stands, or the
        deepest part that is there."""
        *_, (key, node) = (self.node, self.node), *self._down(path)
        mark = key.start_mark
        scalar = isinstance(node, yaml.ScalarNode) and node.end_mark.line == mark.line
        end = node.end_mark.column + 1 if scalar else None
        return self.text.place(mark.line + 1, mark.column + 1, end)

    def _down(self, path: str) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The key and the value of each step of a path, as far as it is written."""
        node: yaml.Node = self.node
        for quoted, name, index in _STEP.findall(path):
            found = _step(node, int(index) if index else quoted or name)
            if found is None:
                return
            yield found
            node = found[1]


def _step(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key (or the value itself) and the value under a step; the last one where a key is there twice."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return (node.value[step], node.value[step]) if step < len(node.value) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((key, value) for key, value in reversed(node.value) if key.value == step), None)


def parse(file: str, text: str) -> Iterator[Manifest | Remark]:
    """The Kubernetes objects of a text that a check reads, those in a `List` too; remarks on what is odd. Raises
    NotYaml."""
    text = text.removeprefix("\ufeff")
    lines = tuple(text.splitlines())
    for first, part in _documents(text):
        whole = Text(file, lines, first)
        try:
            node = _node(part)
            for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
                if isinstance(one, yaml.MappingNode) and _names(one) >= {"apiVersion", "kind"}:
                    yield from _twice(one, whole)  # before merge keys are put in
                    yield from _objects(one, whole, _value(one))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise NotYaml(str(error.problem or error.context), first + (mark.line if mark else 0) + 1) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise NotYaml(_first_line(error), first + 1) from None


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """(lines before it, text) of each document that may hold a kind which is read: the others cost nothing."""
    start, line = 0, 0
    for mark in (*_MARKER.finditer(text), None):
        part = text[start : mark.start() if mark else len(text)].removeprefix("...")
        if _READ.search(part):
            json = part.removeprefix("---").lstrip()[:1] in ("{", "[")
            yield from ((line + before, one) for before, one in (_of_json(part) if json else [(0, part)]))
        line += part.count("\n")
        start = mark.start() if mark else len(text)


def _of_json(text: str) -> Iterator[tuple[int, str]]:
    """(lines before it, text) of JSON values that follow each other; JSON may be indented by tabs, YAML may not."""
    text = re.sub(r"\A---", "   ", text).replace("\t", " ")
    end = 0
    while text[end:].strip():
        start = end + len(text[end:]) - len(text[end:].lstrip())
        try:
            _, end = _JSON.raw_decode(text, start)
        except ValueError:  # flow YAML, or what the reader of YAML will say is wrong
            end = len(text)
        yield text.count("\n", 0, start), " " * _column(text, start) + text[start:end]


def _column(text: str, at: int) -> int:
    return at - text.rfind("\n", 0, at) - 1


def count(text: str) -> int:
    """How many objects a text seems to hold, those in lists among them: what is not read is not parsed either."""
    return sum(_counted(part) for part in _MARKER.split(text))


def _counted(document: str) -> int:
    """Those at the outermost level, or one level below in a List; deeper ones are references to others."""
    indents = [len(mark[1].expandtabs()) for mark in _OBJECT.finditer(document)]
    inner = [one for one in indents if one > min(indents)]
    if inner and _LIST.search(document):
        indents = inner
    return indents.count(min(indents)) if indents else 0


def _node(part: str) -> yaml.Node | None:
    """The syntax tree of one document."""
    loader = _Loader(part)
    try:
        return loader.get_node() if loader.check_node() else None
    finally:
        loader.dispose()


def _names(node: yaml.MappingNode) -> set[str]:
    return {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}


def _value(node: yaml.Node) -> Any:
    if _deep(node):
        raise ValueError(f"nested more than {_DEEPEST} levels deep")
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _deep(node: yaml.Node) -> bool:
    """Too deep, or a value that holds itself."""
    level, seen = [node], 0
    while level and seen <= _DEEPEST:
        inner = {id(one): one for parent in level for one in _inside(parent)}
        level, seen = list(inner.values()), seen + 1
    return bool(level)


def _inside(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from (value for _, value in node.value if not isinstance(value, yaml.ScalarNode))
    elif isinstance(node, yaml.SequenceNode):
        yield from (value for value in node.value if not isinstance(value, yaml.ScalarNode))


def _objects(node: yaml.Node, text: Text, value: Any) -> Iterator[Manifest]:
    if not isinstance(node, yaml.MappingNode) or not isinstance(value, Mapping):
        return
    kind = value.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items"), list):
        items = next((items for key, items in reversed(node.value) if key.value == "items"), None)
        for inner, one in zip(getattr(items, "value", ()), value["items"], strict=False):
            yield from _objects(inner, text, one)
    elif isinstance(kind, str) and isinstance(value.get("apiVersion"), str):
        yield Manifest(value, node, text)


def _twice(node: yaml.Node, text: Text) -> Iterator[Remark]:
    """Keys that are there twice in one mapping."""
    waiting, known = [node], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in known:
            continue
        known.add(id(one))
        if isinstance(one, yaml.MappingNode):
            yield from _doubles(one, text)
        waiting.extend(_inside(one))


def _doubles(node: yaml.MappingNode, text: Text) -> Iterator[Remark]:
    seen: set[Hashable] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            if key.value in seen:
                what = f"{key.value!r} is there twice; the last one counts, and a strict server refuses it"
                yield Remark(text.place(key.start_mark.line + 1, key.start_mark.column + 1), what)
            seen.add(key.value)


def templated(text: str) -> bool:
    """True for a text with places that a template engine fills in."""
    return bool(_TEMPLATE.search(text))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
