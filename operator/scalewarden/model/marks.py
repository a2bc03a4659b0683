"""Annotations that others define and Scalewarden sets: told apart from everybody else's by a mark beside them.

The mark is an annotation of our own with the same value. What carries no mark, or one that says something else, was
written by somebody else and is theirs, even where they wrote it over ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scalewarden.model.policy import Way

Annotations = dict[str, str]


@dataclass(frozen=True, slots=True)
class Mark:
    """key is the annotation that others read, ours the mark beside it; way is what asks for it."""

    key: str
    ours: str
    way: Way

    def text(self, value: str | None) -> Annotations:
        """What to apply for this value; nothing for None, which takes both off."""
        return {} if value is None else {self.key: value, self.ours: value}

    def marked(self, annotations: Mapping[str, str]) -> bool:
        """True where a mark of ours is left to take off."""
        return self.ours in annotations

    def foreign(self, annotations: Mapping[str, str]) -> bool:
        """True where somebody else wrote the annotation."""
        value = annotations.get(self.key)
        return value is not None and annotations.get(self.ours) != value

    def own(self, annotations: Mapping[str, str]) -> str | None:
        """The value that we wrote, None where it is not there or somebody else's."""
        return None if self.foreign(annotations) else annotations.get(self.key)

    def change(self, annotations: Mapping[str, str], wanted: str | None) -> Annotations | None:
        """What to apply so that an object says `wanted`; None where it does, or is somebody else's to say."""
        if self.foreign(annotations):
            return {} if self.marked(annotations) else None
        said = {key: annotations[key] for key in (self.key, self.ours) if key in annotations}
        return None if said == self.text(wanted) else self.text(wanted)


PAUSE = Mark("autoscaling.keda.sh/paused-scale-in", "scalewarden.dev/paused-scale-in", Way.PAUSE_SCALE_IN)
COST = Mark("controller.kubernetes.io/pod-deletion-cost", "scalewarden.dev/pod-deletion-cost", Way.POD_DELETION_COST)
