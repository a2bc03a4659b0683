"""What the owner of a service declared: modes, minimum, objectives and overrides."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How a surface renders a verdict: record only, warn, or refuse."""

    OBSERVE = "Observe"
    WARN = "Warn"
    ENFORCE = "Enforce"

    @property
    def level(self) -> int:
        """0 Observe, 1 Warn, 2 Enforce."""
        return ("Observe", "Warn", "Enforce").index(self.value)

    def capped(self, ceiling: "Mode") -> "Mode":
        """The weaker of the two: an administrator's `--max-mode` is a ceiling."""
        return min(self, ceiling, key=lambda mode: mode.level)


class OnHold(StrEnum):
    """What a Hold does to an actor in Enforce."""

    REFUSE = "Refuse"
    WARN = "Warn"
    ALLOW = "Allow"


class AutoscalerScaleDown(StrEnum):
    """Refuse an autoscaler's unsafe count, or trim it to the safe one."""

    REFUSE = "Refuse"
    TRIM = "Trim"


@dataclass(frozen=True, slots=True)
class Objectives:
    """Declared latency objectives in seconds; None where not declared."""

    ttft_p95: float | None = None
    itl_p95: float | None = None
    e2e_p99: float | None = None


class Way(StrEnum):
    """What can be arranged with others so that less must be refused, by its field of spec.policy.cooperate."""

    PAUSE_SCALE_IN = "pauseScaleIn"
    POD_DELETION_COST = "podDeletionCost"
    DISRUPTION_BUDGET = "disruptionBudget"

    @property
    def field(self) -> str:
        """As people write it, below spec.policy."""
        return f"cooperate.{self.value}"


@dataclass(frozen=True, slots=True)
class Policy:
    """spec.policy with defaults filled in; durations in seconds.

    break_glass_until is the unix second until which refusals are lifted, None where no glass is broken.
    """

    mode: Mode = Mode.ENFORCE
    autoscaling: Mode = Mode.WARN
    min_replicas: int | None = None
    max_hold: float = 6 * 3600.0
    on_hold_autoscaler: OnHold = OnHold.REFUSE
    on_hold_user: OnHold = OnHold.WARN
    autoscaler_scale_down: AutoscalerScaleDown = AutoscalerScaleDown.REFUSE
    stabilization: float = 300.0
    annotate: bool = True
    cooperate: frozenset[Way] = frozenset()
    break_glass_until: float | None = None
    break_glass_reason: str = ""

    def glass_broken(self, now: float) -> bool:
        """True while a recorded break-glass is in force."""
        return self.break_glass_until is not None and now < self.break_glass_until

    def enforces(self, ceiling: Mode, now: float) -> bool:
        """True where decreases are refused: the owner and the administrator's ceiling want it, and no glass is
        broken."""
        return self.mode.capped(ceiling) is Mode.ENFORCE and not self.glass_broken(now)
