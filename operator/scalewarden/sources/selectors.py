"""Label selectors, as objects (`matchLabels`, `matchExpressions`) and as text (`app=a,tier in (x, y),!canary`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scalewarden.sources.workloads import child, children

_TERM = re.compile(
    r"\s*(?:(?P<set>[^\s!=,()]+)\s+(?P<word>in|notin)\s*\((?P<values>[^)]*)\)"
    r"|(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s,]*)"
    r"|(?P<no>!?)\s*(?P<exists>[^\s!=,()]+))\s*(?:,|$)"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term: In, NotIn, Exists or DoesNotExist, as Kubernetes calls them."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """True where the labels satisfy the term; an operator that is not known satisfies nothing."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False


@dataclass(frozen=True, slots=True)
class Selector:
    """All terms must hold; a selector without terms selects nothing, since it would select every pod."""

    terms: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """True where an object with these labels is selected."""
        return bool(self.terms) and all(term.holds(labels) for term in self.terms)

    @classmethod
    def of(cls, selector: Mapping[str, Any]) -> "Selector":
        """From a LabelSelector object."""
        equal = [Requirement(key, "In", frozenset({value})) for key, value in child(selector, "matchLabels").items()]
        terms = [
            Requirement(str(one.get("key")), str(one.get("operator")), frozenset(one.get("values") or ()))
            for one in children(selector, "matchExpressions")
        ]
        return cls((*equal, *terms))

    @classmethod
    def parse(cls, text: str) -> "Selector":
        """From the text that a scale subresource gives; text that cannot be read selects nothing."""
        terms, position = [], 0
        while position < len(text):
            found = _TERM.match(text, position)
            if found is None:
                return cls()
            terms.append(_requirement(found))
            position = found.end()
        return cls(tuple(terms))


def _requirement(found: re.Match[str]) -> Requirement:
    if found["set"]:
        values = frozenset(value.strip() for value in found["values"].split(","))
        return Requirement(found["set"], "In" if found["word"] == "in" else "NotIn", values)
    if found["key"]:
        return Requirement(found["key"], "NotIn" if found["op"] == "!=" else "In", frozenset({found["value"]}))
    return Requirement(found["exists"], "DoesNotExist" if found["no"] else "Exists")
