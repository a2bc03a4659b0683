"""Kubernetes label selectors in their query-string form."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SET_BASED = re.compile(r"^(?P<key>\S+)\s+(?P<operator>in|notin)\s+\((?P<values>[^)]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^!=\s]+)\s*(?P<operator>!=|==?)\s*(?P<value>\S*)$")
_BETWEEN_TERMS = re.compile(r",(?![^(]*\))")


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy every term, such as ``app=chat,tier in (a,b),!canary``."""
    return all(_term(term.strip(), labels) for term in _BETWEEN_TERMS.split(selector) if term.strip())


def _term(term: str, labels: Mapping[str, str]) -> bool:
    if found := _SET_BASED.match(term):
        values = {value.strip() for value in found["values"].split(",")}
        return (labels.get(found["key"]) in values) == (found["operator"] == "in")
    if found := _EQUALITY.match(term):
        return (labels.get(found["key"]) == found["value"]) == (found["operator"] != "!=")
    return term.removeprefix("!") not in labels if term.startswith("!") else term in labels
