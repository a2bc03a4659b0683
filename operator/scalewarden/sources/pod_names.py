"""Which pods were those of a target: by the names that its controller gives them. Pods that are gone have no labels."""

import re
from dataclasses import dataclass, field

from scalewarden.model.workload import Target
from scalewarden.sources.base import PodKey
from scalewarden.sources.prometheus_query import literal

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""Characters of which Kubernetes makes names up: neither vowels nor what looks like one (apimachinery, util/rand)."""
_MADE_UP = f"[{_SAFE}]{{5}}"
_HASH, _LONGEST_HASH = f"[{_SAFE}]{{5,10}}", 10
"""Of a pod template: 32 bits in decimal, spelled in those. Shorter than five is one in 400,000."""
_LONGEST = 58
"""Characters of a name to which the five are added; what is longer is cut (apiserver, storage/names)."""
_NUMBERED = ("StatefulSet", "LeaderWorkerSet")
"""Of workers that a LeaderWorkerSet adds to its leaders, `<name>-<group>-<worker>`, none is a replica."""
_OF_REPLICA_SETS = ("Deployment", "Rollout")


def pattern(kind: str, name: str) -> str | None:
    """A regular expression for the names of the target's pods, for Python and RE2, to be anchored at both ends; None
    of a kind whose names are not known."""
    own = literal(name)
    if kind in _OF_REPLICA_SETS:
        return "|".join((f"{own}-{_HASH}-{_MADE_UP}", *_cut(name, _LONGEST_HASH + 1)))
    if kind == "ReplicaSet":
        return "|".join((f"{own}-{_MADE_UP}", *_cut(name, 0)))
    return f"{own}-[0-9]+" if kind in _NUMBERED else None


def _cut(name: str, more: int) -> tuple[str, ...]:
    """What becomes of a name that is too long with a hyphen and `more` characters behind it."""
    before = f"{name}-"
    if len(before) + more <= _LONGEST:
        return ()
    kept = before[:_LONGEST]
    rest = f"[{_SAFE}-]{{{_LONGEST - len(kept)}}}" if len(kept) < _LONGEST else ""
    return (f"{literal(kept)}{rest}{_MADE_UP}",)


@dataclass(frozen=True, slots=True)
class Family:
    """The pods, past and present, of one target: a container of their keys. regex: of their names, for Python and
    RE2, anchored at both ends there."""

    namespace: str
    regex: str
    _compiled: re.Pattern[str] = field(repr=False, compare=False)

    @classmethod
    def of(cls, namespace: str, target: Target) -> "Family":
        """By the target's kind; of a kind whose names are not known everything that begins with its name."""
        regex = pattern(target.kind, target.name) or f"{literal(target.name)}-.+"
        return cls(namespace, regex, re.compile(regex))

    def __contains__(self, key: object) -> bool:
        return (
            isinstance(key, PodKey)
            and key.namespace == self.namespace
            and self._compiled.fullmatch(key.pod) is not None
        )
