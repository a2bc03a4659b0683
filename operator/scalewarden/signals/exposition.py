"""The Prometheus text format, read strictly and fast.

A page of an inference engine holds hundreds of lines of which a dozen matter, so a line whose name is not wanted is
dropped after a glance. Every line that is wanted is read to the letter; a page that is not the format (HTML, JSON, a
cut-off transfer) is an error that names the line, never a page with fewer numbers. Values stay as written: NaN and
sentinels are judged by those who know the exporter.

Pages repeat the same series scrape after scrape and pod after pod. What their texts say is remembered, so that all
samples of a series share one name and one mapping of labels: the newest `REMEMBERED` texts of at most `LONGEST`
characters, which take 17 MB (engines) to 37 MB (GPU exporters) where all are used, 80 MB of long ones at the most.
Reading takes time in proportion to the page, whatever is on it.
"""

import math
import re
from collections.abc import Container, Mapping
from functools import lru_cache
from sys import intern
from typing import NamedTuple

from scalewarden.errors import BadExposition
from scalewarden.signals.sample import Sample

REMEMBERED = 16_384
"""Texts of series: those of a hundred vLLM services, or of a hundred nodes with eight GPUs."""
LONGEST = 2048
"""Characters; a longer text is read anew each time. vLLM describes its cache in 800."""

# Every repetition is possessive (`++`, `*+`): a text that does not match is given up without trying again.
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*+")
_TEXT = r'"(?:[^"\\]++|\\.)*+"'
_SERIES = re.compile(rf'({_NAME.pattern})?+(?:[ \t]*+(\{{(?:[^"}}]++|{_TEXT})*+\}}))?+')
_LABEL = re.compile(rf"(?:([a-zA-Z_][a-zA-Z0-9_]*+|{_TEXT})[ \t]*+=[ \t]*+)?+({_TEXT})[ \t]*+(?:,[ \t]*+|$)")
_STAMP = r"[-+]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+"
_NUMBERS = re.compile(rf"[ \t]*+([!-^`-~]++)(?:[ \t]++{_STAMP})?+(?:[ \t]++\#.*+)?+[ \t]*+")  # no "_", ASCII only
_ESCAPE = re.compile(r'\\([\\n"])')
_ESCAPED = {"\\": "\\", "n": "\n", '"': '"'}
_BLANKS = (" ", "\t")
_AFTER_NAME = ("{", *_BLANKS)
_HINT = "the address must answer with the Prometheus text format; open it and look at that line"

Key = tuple[str, frozenset[tuple[str, str]]]


class Series(NamedTuple):
    """What stands before a value: name and labels, and what tells the series from others in whatever order its labels
    are written. Shared by many samples, so never to be changed."""

    name: str
    labels: Mapping[str, str]
    key: Key


class _Malformed(Exception):
    """A line that is no sample."""


def parse(
    text: str, names: Container[str] | None = None, where: str = "", *, ended: bool = True, unique: bool = True
) -> list[Sample]:
    """The samples of a page, in its order; of `names` only, where given. Timestamps and exemplars are dropped.

    where names the page in messages. ended: the format ends each line, the last one too, so a page that does not was
    cut off on its way; a file that somebody saved may lack that end. Raises BadExposition with the line for anything
    that is not the format, and for a series that is there twice. With `unique` false (a live page) such a series is
    kept once, and with values that differ it is NaN: no number, and no sum with others of its name.
    """
    lines = text.split("\n")
    if ended and lines[-1].strip():
        raise _bad(lines, len(lines), where, "the page ends in the middle of a line: it was cut off")
    page = _Page(names, unique)
    for number, line in enumerate(lines, start=1):
        if not line or line[0] == "#":
            continue
        end = line.find("{")
        if end < 0:
            end = line.find(" ")
        if end > 0 and line[:end] in page.passed:
            continue
        try:
            page.read(line.strip())
        except _Malformed as error:
            raise _bad(lines, number, where, str(error)) from None
    return page.samples


class _Page:
    """The samples read so far. `passed` are the names that were found valid and not wanted."""

    def __init__(self, names: Container[str] | None, unique: bool) -> None:
        self.names = names
        self.unique = unique
        self.samples: list[Sample] = []
        self.places: dict[Key, int] = {}
        self.passed: set[str] = set()

    def read(self, line: str) -> None:
        """Take one line, without blanks around it."""
        name = line.partition("{" if "{" in line else " ")[0]
        if not line or line[0] == "#" or self._passes(name, line):
            return
        series, value = _usual(line, name) or _any(line)
        if self.names is None or series.name in self.names:
            self._keep(series, value)

    def _passes(self, name: str, line: str) -> bool:
        """True where a glance says that the line is a sample of a name that is not wanted."""
        if self.names is None or name in self.names:
            return False
        found = _NAME.match(line)
        if found is None or found.group() in self.names or line[found.end() : found.end() + 1] not in _AFTER_NAME:
            return False
        self.passed.add(found.group())
        return True

    def _keep(self, series: Series, value: float) -> None:
        place = self.places.setdefault(series.key, len(self.samples))
        if place == len(self.samples):
            self.samples.append(Sample(series.name, series.labels, value))
        elif self.unique:
            raise _Malformed(f"duplicate series {series.name}")
        elif self.samples[place].value != value:
            self.samples[place] = Sample(series.name, series.labels, math.nan)


def _usual(line: str, name: str) -> tuple[Series, float] | None:
    """A line as nearly all are, `name{labels} value`, where its series is known or easily read; else None."""
    head, _, value = line.rpartition(" ")
    if (head != name and head[-1:] != "}") or value[:1] not in "-+.0123456789NI" or "_" in value:
        return None
    try:
        return (_series_of(head), float(value)) if value.isascii() else None
    except (ValueError, _Malformed):
        return None


def _any(line: str) -> tuple[Series, float]:
    """Any line: also with odd blanks, a timestamp, an exemplar. Raises _Malformed where it is no sample."""
    found = _SERIES.match(line)
    end = found.end() if found else 0
    if found is None or not end or (found.group(2) is None and line[end : end + 1] not in _BLANKS):
        raise _Malformed("not a sample")
    numbers = _NUMBERS.fullmatch(line, end)
    if numbers is None:
        raise _Malformed("not a sample")
    try:
        return _series_of(line[:end]), float(numbers.group(1))
    except ValueError:
        raise _Malformed("not a sample") from None


def _series_of(text: str) -> Series:
    """The series that a text like `name{label="value"}` names, remembered. Raises _Malformed where it is none."""
    return _remembered(text) if len(text) <= LONGEST else _read(text)


def _read(text: str) -> Series:
    found = _SERIES.fullmatch(text)
    if found is None:
        raise _Malformed("not a sample")
    labels = _labels(found.group(2)[1:-1].strip(" \t")) if found.group(2) else {}
    names = [name for name in (found.group(1), labels.pop("__name__", None)) if name]
    if len(names) != 1:
        raise _Malformed("not a sample")
    name = intern(names[0])
    return Series(name, labels, (name, frozenset(labels.items())))


_remembered = lru_cache(maxsize=REMEMBERED)(_read)


def _labels(text: str) -> dict[str, str]:
    """Label names and values; a quoted text without a name is the metric's own."""
    labels: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _LABEL.match(text, position)
        key = _key(found.group(1)) if found else ""
        if found is None or key in labels:
            raise _Malformed("not a sample")
        labels[key] = _unquoted(found.group(2))
        position = found.end()
    return labels


def _key(text: str | None) -> str:
    if text is None:
        return "__name__"
    return _unquoted(text) if text.startswith('"') else intern(text)


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    return intern(_ESCAPE.sub(lambda found: _ESCAPED[found.group(1)], inner) if "\\" in inner else inner)


def _bad(lines: list[str], number: int, where: str, what: str) -> BadExposition:
    start = lines[number - 1].strip()[:60]
    kind = "an HTML page, not metrics" if _is_html(lines) else f"{what}: {start!r}"
    return BadExposition(kind, where=f"{where}:{number}" if where else f"line {number}", hint=_HINT)


def _is_html(lines: list[str]) -> bool:
    first = next((line.strip().lower() for line in lines if line.strip()), "")
    return first.startswith(("<!doctype", "<html", "<head", "<?xml"))
