"""The Prometheus text format, read strictly and fast.

A page of an inference engine holds hundreds of lines of which a dozen matter, so a line whose name is not wanted is
dropped after a glance. Every line that is wanted is read to the letter; a page that is not the format (HTML, JSON, a
cut-off transfer) is an error that names the line, never a page with fewer numbers. Values stay as written: NaN and
sentinels are judged by those who know the exporter.
"""

import re
from collections.abc import Container

from scalewarden.errors import BadExposition
from scalewarden.signals.sample import Sample

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_VALUE = r'"(?:[^"\\]|\\.)*+"'
_BRACES = re.compile(rf'\{{(?:[^"}}]|{_VALUE})*+\}}')
_LABEL = re.compile(rf"\s*(?:([a-zA-Z_][a-zA-Z0-9_]*|{_VALUE})\s*=\s*)?({_VALUE})\s*(?:,|$)")
_NUMBERS = re.compile(r"[ \t]*([^\s_]+)(?:[ \t]+(-?[0-9.]+))?[ \t]*(?:#.*)?$")
_ESCAPE = re.compile(r'\\([\\n"])')
_ESCAPED = {"\\": "\\", "n": "\n", '"': '"'}
_HINT = "the address must answer with the Prometheus text format; open it and look at that line"


def parse(text: str, names: Container[str] | None = None, where: str = "", *, ended: bool = True) -> list[Sample]:
    """The samples of a page, in its order; of `names` only, where given. Timestamps and exemplars are dropped.

    where names the page in messages. ended: the format ends each line, the last one too, so a page that does not was
    cut off on its way; a file that somebody saved may lack that end. Raises BadExposition with the line for anything
    that is not the format, and for a series that is there twice.
    """
    lines = text.split("\n")
    if ended and lines[-1].strip():
        raise _bad(lines, len(lines), where, "the page ends in the middle of a line: it was cut off")
    samples: list[Sample] = []
    seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for number, line in enumerate(lines, start=1):
        sample = _line(line.strip(), names, lines, number, where)
        if sample is None:
            continue
        key = (sample.name, frozenset(sample.labels.items()))
        if key in seen:
            raise _bad(lines, number, where, f"duplicate series {sample.name}")
        seen.add(key)
        samples.append(sample)
    return samples


def _line(line: str, names: Container[str] | None, lines: list[str], number: int, where: str) -> Sample | None:
    """One sample, or None for a comment, an empty line, or a name that is not wanted."""
    if not line or line.startswith("#"):
        return None
    found = _NAME.match(line)
    name, end = (found.group(), found.end()) if found else ("", 0)
    if line[end : end + 1] not in (("{", " ", "\t") if name else ("{",)):
        raise _bad(lines, number, where, "not a sample")
    if name and names is not None and name not in names:
        return None
    sample = _sample(name, line[end:])
    if sample is None:
        raise _bad(lines, number, where, "not a sample")
    return sample if names is None or sample.name in names else None


def _sample(name: str, rest: str) -> Sample | None:
    """What follows the name: labels, value, timestamp, exemplar. None where it is none of these."""
    labels: dict[str, str] | None = {}
    braces = _BRACES.match(rest.lstrip())
    if braces:
        labels, rest = _labels(braces.group()[1:-1]), rest.lstrip()[braces.end() :]
    numbers = _NUMBERS.match(rest)
    if labels is None or numbers is None:
        return None
    name = labels.pop("__name__", name)
    try:
        return Sample(name, labels, float(numbers.group(1))) if name else None
    except ValueError:
        return None


def _labels(text: str) -> dict[str, str] | None:
    """Label names and values; a quoted text without a name is the metric's own. None where they are malformed."""
    labels: dict[str, str] = {}
    position = 0
    while position < len(text) and not text[position:].isspace():
        found = _LABEL.match(text, position)
        key = _key(found.group(1)) if found else ""
        if found is None or key in labels:
            return None
        labels[key] = _unquoted(found.group(2))
        position = found.end()
    return labels


def _key(text: str | None) -> str:
    if text is None:
        return "__name__"
    return _unquoted(text) if text.startswith('"') else text


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    return _ESCAPE.sub(lambda found: _ESCAPED[found.group(1)], inner) if "\\" in inner else inner


def _bad(lines: list[str], number: int, where: str, what: str) -> BadExposition:
    start = lines[number - 1].strip()[:60]
    kind = "an HTML page, not metrics" if _is_html(lines) else f"{what}: {start!r}"
    return BadExposition(kind, where=f"{where}:{number}" if where else f"line {number}", hint=_HINT)


def _is_html(lines: list[str]) -> bool:
    first = next((line.strip().lower() for line in lines if line.strip()), "")
    return first.startswith(("<!doctype", "<html", "<head", "<?xml"))
