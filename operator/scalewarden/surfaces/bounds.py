"""The bounds of an HPA or ScaledObject before and after an edit: which of them are lower now."""

from collections.abc import Iterator
from dataclasses import dataclass

from scalewarden.model.autoscaler import Autoscaler, Pause, Select

HPA_FIELDS = ("minReplicas", "maxReplicas")
KEDA_FIELDS = ("minReplicaCount", "maxReplicaCount")
IDLE = "idleReplicaCount"
PAUSED_AT = "autoscaling.keda.sh/paused-replicas"


@dataclass(frozen=True, slots=True)
class Bound:
    """A count of an autoscaler and the field that holds it; was is None where there was none."""

    field: str
    count: int
    was: int | None

    @property
    def change(self) -> str:
        """`maxReplicas 8→2`."""
        return f"{self.field} {self.count if self.was is None else f'{self.was}→{self.count}'}"


def lowered_ceiling(before: Autoscaler | None, after: Autoscaler) -> Bound | None:
    """The count that it goes down to whatever its metrics say, where that was higher before or there was none."""
    was, now = _ceiling(before) if before else None, _ceiling(after)
    if now is None or (was is not None and now[1] >= was[1]):
        return None
    field, count = now
    return Bound(field, count, was[1] if was and was[0] == field else None)


def _ceiling(autoscaler: Autoscaler) -> tuple[str, int] | None:
    """Field and count. KEDA's `paused` keeps what there is; its `paused-scale-in` does not, since the HPA controller
    obeys a maximum even where scale-down is disabled."""
    if autoscaler.paused_replicas is not None:
        return PAUSED_AT, autoscaler.paused_replicas
    if autoscaler.paused is Pause.ALL or autoscaler.max_replicas is None:
        return None
    return _fields(autoscaler)[1], autoscaler.max_replicas


def lowered_floors(before: Autoscaler, after: Autoscaler) -> Iterator[Bound]:
    """The counts that its metrics may bring it down to, where they were higher before."""
    was, now = before.min_replicas, after.min_replicas
    if was is not None and now is not None and now < was:
        yield Bound(_fields(after)[0], now, was)
    idle = was if before.idle_replicas is None else before.idle_replicas
    if idle is not None and after.idle_replicas is not None and after.idle_replicas < idle:
        yield Bound(IDLE, after.idle_replicas, before.idle_replicas)


def keeps_what_it_has(autoscaler: Autoscaler) -> bool:
    """It removes no replica by its metrics: paused, or its scale-down is disabled."""
    disabled = autoscaler.scale_down is not None and autoscaler.scale_down.select is Select.DISABLED
    return disabled or autoscaler.paused in (Pause.ALL, Pause.SCALE_DOWN)


def _fields(autoscaler: Autoscaler) -> tuple[str, str]:
    return KEDA_FIELDS if autoscaler.kind == "ScaledObject" else HPA_FIELDS
