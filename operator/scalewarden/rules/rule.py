"""What a rule is: its identity, what it reads, and how its answer is written down."""

from collections.abc import Callable
from dataclasses import dataclass

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity, Status
from scalewarden.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Rule:
    """The frozen identity of a rule; `scalewarden rules CODE` and the reference page are made from it.

    reads names canonical signals and facts; thresholds the lines it uses (model/thresholds.py);
    check_instead what to look at rather than the misread number; remedy what to do, ending in a period.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    check_instead: str
    remedy: str
    misinterpretations: tuple[Misinterpretation, ...] = ()
    reads: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()

    def fired(
        self,
        message: str,
        *evidence: Evidence,
        severity: Severity | None = None,
        autoscaler: str | None = None,
    ) -> Finding:
        """The condition is met; severity where it differs from the rule's own."""
        return self._finding(Status.FIRED, message, evidence, severity or self.severity, autoscaler)

    def clear(self, message: str, *evidence: Evidence, autoscaler: str | None = None) -> Finding:
        """The condition is shown not to be met."""
        return self._finding(Status.CLEAR, message, evidence, Severity.INFO, autoscaler)

    def unknown(self, message: str, *evidence: Evidence, autoscaler: str | None = None) -> Finding:
        """The signals do not suffice; `message` names the one that is missing."""
        return self._finding(Status.UNKNOWN, message, evidence, Severity.INFO, autoscaler)

    def _finding(
        self,
        status: Status,
        message: str,
        evidence: tuple[Evidence, ...],
        severity: Severity,
        autoscaler: str | None,
    ) -> Finding:
        return Finding(self.code, self.name, status, severity, message, self.misinterpretations, evidence, autoscaler)


Check = Callable[[Snapshot], Finding]
