"""An evaluation as the chain that a person reads."""

from collections.abc import Iterator, Sequence

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.duration import rfc3339
from scalewarden.model.finding import Finding, Status
from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, TestResult, Verdict
from scalewarden.model.workload import Replica
from scalewarden.signals.freshness import State, age, replica_state, required
from scalewarden.surfaces.baseline_text import learned_text
from scalewarden.surfaces.explain_numbers import every_number
from scalewarden.surfaces.explain_text import ABSENT, Chain, Grid, Line, counted, keep, merged, number

MOST_REPLICAS = 12
"""More replicas than this are shown by their fullest ones."""

_COLUMNS = (
    ("KV now", SignalName.KV_USAGE, 2),
    ("waiting", SignalName.WAITING, 0),
    ("running", SignalName.RUNNING, 0),
    ("preempted", SignalName.PREEMPTIONS, 0),
    ("tokens/s", SignalName.GEN_TPS, 0),
)
"""Heading, signal and decimals."""


def chain_of(evaluation: Evaluation, *, long: bool = False) -> Chain:
    """What the screen shows of an evaluation; long: every rule and every number as well."""
    snapshot, diagnosis, verdict = evaluation.snapshot, evaluation.diagnosis, evaluation.verdict
    return Chain(
        title=snapshot.key,
        context=context(snapshot),
        measured=_measured(snapshot),
        measured_notes=tuple(_measured_notes(snapshot)),
        meaning=Line(diagnosis.regime, f"confidence {diagnosis.confidence}", _summary(evaluation)),
        findings=merged(_finding(finding) for finding in _spoken(evaluation.findings, silent=long)),
        finding_notes=_clear(evaluation.findings) if long else _silent(evaluation.findings),
        question=question(snapshot),
        verdict=Line(verdict.decision, verdict.reason, verdict.message),
        tests=_tests(verdict, every=long),
        test_notes=(*(() if long else _passed(verdict)), *_skipped(verdict, causes=long)),
        to_do=tuple(_to_do(evaluation)),
        numbers=every_number(evaluation) if long else (),
    )


def context(snapshot: Snapshot) -> str:
    """Target, engine and replicas of a snapshot, on one line."""
    fresh = sum(replica_state(replica, snapshot) is State.FRESH for replica in snapshot.ready)
    replicas = f"{len(snapshot.ready)} of {counted(snapshot.replicas_desired, 'replica')} ready, {fresh} fresh"
    target = f"{snapshot.target.kind}/{snapshot.target.name}"
    return f"{target}, {snapshot.engine}, {replicas}, at {rfc3339(snapshot.at)}"


def _measured(snapshot: Snapshot) -> Grid:
    headings = ("replica", "KV peak", *(heading for heading, _, _ in _COLUMNS), "age")
    return Grid(headings, tuple(_row(replica, snapshot.at) for replica in _fullest(snapshot)))


def _fullest(snapshot: Snapshot) -> list[Replica]:
    """All replicas in their order, or the fullest ones of a large fleet."""
    if len(snapshot.replicas) <= MOST_REPLICAS:
        return list(snapshot.replicas)
    return sorted(snapshot.replicas, key=lambda replica: _peak(replica) or 0.0, reverse=True)[:MOST_REPLICAS]


def _row(replica: Replica, at: float) -> tuple[str, ...]:
    found = [(replica.reading(name), decimals) for _, name, decimals in _COLUMNS]
    oldest = max((age(reading, at) for reading, _ in found if reading), default=None)
    return (
        replica.pod if replica.ready else f"{replica.pod} (not ready)",
        number(_peak(replica), 2),
        *(number(reading.value if reading else None, decimals) for reading, decimals in found),
        ABSENT if oldest is None else f"{oldest:.0f} s",
    )


def _peak(replica: Replica) -> float | None:
    reading = replica.reading(SignalName.KV_USAGE)
    return max((point.value for point in reading.series), default=reading.value) if reading else None


def _measured_notes(snapshot: Snapshot) -> Iterator[str]:
    hidden = len(snapshot.replicas) - MOST_REPLICAS
    if hidden > 0:
        yield f"and {counted(hidden, 'more replica')} with less KV-cache usage"
    for replica in snapshot.ready:
        for name in required(snapshot):
            signal = replica.signal(name)
            if not isinstance(signal, Reading):
                yield f"{ABSENT} {name} of {replica.pod} is absent: {signal.cause}"
    learned = learned_text(snapshot.learned, snapshot.at, snapshot.thresholds)
    if learned:
        yield learned


def _summary(evaluation: Evaluation) -> str:
    """Without the sentence of the finding behind it, which stands right below."""
    summary = evaluation.diagnosis.summary
    for finding in evaluation.findings:
        summary = summary.partition(finding.message)[0]
    return summary.rstrip()


def _spoken(findings: Sequence[Finding], *, silent: bool) -> list[Finding]:
    """What fired, then what could not speak, where that is asked for."""
    order = (Status.FIRED, Status.UNKNOWN) if silent else (Status.FIRED,)
    return [finding for status in order for finding in findings if finding.status is status]


def _finding(finding: Finding) -> Line:
    return Line(finding.status, f"{finding.rule} {finding.name}", finding.message)


def _silent(findings: Sequence[Finding]) -> tuple[str, ...]:
    unknown = [finding.rule for finding in findings if finding.status is Status.UNKNOWN]
    return (f"Could not speak: {', '.join(unknown)} (--long says why)",) if unknown else ()


def _clear(findings: Sequence[Finding]) -> tuple[str, ...]:
    clear = [finding.rule for finding in findings if finding.status is Status.CLEAR]
    return (f"Clear: {', '.join(clear)}",) if clear else ()


def question(snapshot: Snapshot) -> str:
    """What was asked, and by whom."""
    if snapshot.intent is None:
        raise ValueError("an evaluation always carries the intent that it judged")
    who = "an autoscaler" if snapshot.intent.actor == "autoscaler" else "a user"
    return f"{snapshot.intent.from_} → {counted(snapshot.intent.to, 'replica')}, asked by {who}"


def _tests(verdict: Verdict, *, every: bool) -> Grid:
    """The tests that stand against it and the one that binds; those that passed as well where `every` is asked for."""
    shown = (test for test in _spoke(verdict) if every or _matters(test, verdict))
    headings = ("test", "value", "safe up to", "refused from", "answer")
    return Grid(headings, tuple(_test(test, verdict) for test in shown))


def _spoke(verdict: Verdict) -> list[TestResult]:
    return [test for test in verdict.tests if test.value is not None and test.skipped is None]


def _matters(test: TestResult, verdict: Verdict) -> bool:
    return test.test is verdict.binding_test or test.decision is not Decision.ALLOW


def _test(test: TestResult, verdict: Verdict) -> tuple[str, ...]:
    name = f"{test.test} (binds)" if test.test is verdict.binding_test else str(test.test)
    return name, *_numbers(test), str(test.decision)


def _numbers(test: TestResult) -> tuple[str, ...]:
    """Value, Allow line and Deny line; whole where all three are."""
    numbers = (test.value, test.allow, test.deny)
    whole = all(value is None or value.is_integer() for value in numbers)
    return tuple(number(value, 0 if whole else 2) for value in numbers)


def _passed(verdict: Verdict) -> tuple[str, ...]:
    """The other tests, each with its value, on a line of their own."""
    passed = [f"{test.test} {_numbers(test)[0]}" for test in _spoke(verdict) if not _matters(test, verdict)]
    return (f"Passed: {', '.join(passed)}",) if passed else ()


def _skipped(verdict: Verdict, *, causes: bool) -> Iterator[str]:
    """Tests that could not speak, by cause."""
    by_cause: dict[str, list[str]] = {}
    for test in verdict.tests:
        if test.skipped is not None:
            by_cause.setdefault(test.skipped, []).append(test.test)
    if by_cause and not causes:
        yield f"Not judged: {', '.join(one for tests in by_cause.values() for one in tests)}"
        return
    for cause, tests in by_cause.items():
        yield f"Not judged, {cause}: {', '.join(tests)}"


def _to_do(evaluation: Evaluation) -> Iterator[str]:
    """Which count to keep, then what the diagnosis advises."""
    verdict, snapshot = evaluation.verdict, evaluation.snapshot
    if verdict.decision is not Decision.ALLOW:
        yield keep(verdict.safe_replicas, snapshot.replicas_desired)
    yield evaluation.diagnosis.advice
