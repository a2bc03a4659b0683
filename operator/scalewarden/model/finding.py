"""A rule's answer and the evidence behind it."""

from dataclasses import dataclass
from enum import StrEnum

from scalewarden.model.signal import Unit


class Status(StrEnum):
    """Fired, Clear, or Unknown where the signals do not suffice; a check starts from Unknown."""

    FIRED = "Fired"
    CLEAR = "Clear"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """How loudly a fired rule speaks; it never decides by itself."""

    INFO = "Info"
    WARNING = "Warning"
    ERROR = "Error"


class Misinterpretation(StrEnum):
    """The five misreadings of GPU utilization that rules guard against."""

    LOW_UTILIZATION_IS_WASTE = "M1"
    HIGH_UTILIZATION_IS_GOOD = "M2"
    LOW_UTILIZATION_MEANS_SCALE_DOWN = "M3"
    CPU_AUTOSCALING_HELPS = "M4"
    MIG_UTILIZATION_IS_CAPACITY = "M5"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One number and the line it is held against.

    signal is a canonical signal or fact name; value and threshold are in `unit`; replica names the pod (or GPU,
    or autoscaler) it belongs to, None for the service; source names the series or field it was read from.
    """

    signal: str
    value: float
    unit: Unit
    threshold: float | None = None
    source: str = ""
    replica: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's answer for one snapshot.

    message is one sentence for people. autoscaler names the HPA or ScaledObject judged, as `Kind/name`.
    """

    rule: str
    name: str
    status: Status
    severity: Severity
    message: str
    misinterpretations: tuple[Misinterpretation, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    autoscaler: str | None = None

    @property
    def fired(self) -> bool:
        """True where the rule's condition was met."""
        return self.status is Status.FIRED

    @property
    def accuses(self) -> bool:
        """True where it fired and is more than information."""
        return self.fired and self.severity is not Severity.INFO
