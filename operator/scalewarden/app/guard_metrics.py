"""What the guard counts about itself, in the Prometheus format."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scalewarden.surfaces.admission_record import Outcome, Record

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class GuardMetrics:
    """Counters of one guard process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._verdicts = Counter(
            "scalewarden_verdicts_total",
            "Requests to lower a replica count, as admission answered them.",
            ["decision", "reason", "path"],
            registry=self.registry,
        )
        self._weakened = Counter(
            "scalewarden_guard_degraded_total",
            "InferenceDeployments that were edited so that they protect less, or deleted.",
            registry=self.registry,
        )
        self._seconds = Histogram(
            "scalewarden_admission_seconds",
            "Time to answer an AdmissionReview.",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._ages = Gauge(
            "scalewarden_watch_age_seconds",
            "Time since a watch last gave a sign of life.",
            ["resource"],
            registry=self.registry,
        )
        self._dropped = Counter(
            "scalewarden_records_dropped_total",
            "Answers that were given but not told in events and status, because too many waited.",
            registry=self.registry,
        )

        self._suppressed = Counter(
            "scalewarden_events_suppressed_total",
            "Events that the rate limit kept back.",
            registry=self.registry,
        )
        self._suppressed_before = 0

    @contextmanager
    def timed(self, path: str) -> Iterator[None]:
        """Time one answer."""
        with self._seconds.labels(path.lstrip("/")).time():
            yield

    def count(self, record: Record) -> None:
        """Count one verdict, or one loss of protection; judged autoscalers have neither."""
        if record.outcome is Outcome.WEAKENED:
            self._weakened.inc()
        if record.decision is not None:
            self._verdicts.labels(record.verdict, record.reason, record.path).inc()

    def drop(self) -> None:
        """Count one answer that nobody is told about."""
        self._dropped.inc()

    def page(self, ages: Mapping[str, float], suppressed: int) -> bytes:
        """The page that Prometheus reads: ages of watches in seconds, by resource, and events kept back so far."""
        self._suppressed.inc(suppressed - self._suppressed_before)
        self._suppressed_before = suppressed
        for resource, age in ages.items():
            self._ages.labels(resource).set(age)
        return generate_latest(self.registry)
