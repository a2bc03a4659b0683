"""Who wants how many replicas, and by which path."""

from dataclasses import dataclass
from enum import StrEnum

AUTOSCALER_IDENTITIES = (
    "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
    "system:kube-controller-manager",
    "system:serviceaccount:keda:keda-operator",
)
"""Users whose requests count as an autoscaler's: the HPA controller's, the controller manager's, KEDA's."""


class Actor(StrEnum):
    """A Hold refuses autoscalers and only warns users."""

    AUTOSCALER = "autoscaler"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Intent:
    """A requested change of the replica count `from_` → `to`.

    path is the resource written, for example `deployments/scale`; identity is the user name admission saw,
    empty offline.
    """

    from_: int
    to: int
    actor: Actor = Actor.AUTOSCALER
    path: str = "deployments/scale"
    identity: str = ""
    dry_run: bool = False

    @property
    def is_decrease(self) -> bool:
        """Only decreases are ever refused."""
        return self.to < self.from_
