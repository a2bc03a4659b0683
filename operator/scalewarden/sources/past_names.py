"""Which pods were those of a target: by the names that its controller gives them. Pods that are gone have no labels."""

import re
from dataclasses import dataclass, field

from scalewarden.model.workload import Target
from scalewarden.sources.base import PodKey
from scalewarden.sources.prometheus_query import literal

_SET = "[0-9]+"
_TAILS = {
    "Deployment": "[a-z0-9]+-[a-z0-9]{5}",
    "Rollout": "[a-z0-9]+-[a-z0-9]{5}",
    "ReplicaSet": "[a-z0-9]{5}",
    "StatefulSet": _SET,
    "LeaderWorkerSet": _SET,
}
"""Of workers that a LeaderWorkerSet adds to its leaders, `<name>-<group>-<worker>`, none is a replica."""
_ANY = ".+"


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
        regex = f"{literal(target.name)}-{_TAILS.get(target.kind, _ANY)}"
        return cls(namespace, regex, re.compile(regex))

    def __contains__(self, key: object) -> bool:
        return (
            isinstance(key, PodKey)
            and key.namespace == self.namespace
            and self._compiled.fullmatch(key.pod) is not None
        )
