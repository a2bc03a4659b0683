"""What bounds the service: the row of the table that holds, how sure that is, and what speaks for and against it."""

from collections.abc import Sequence

from scalewarden.judgement.confidence import confidence
from scalewarden.judgement.facts import facts
from scalewarden.judgement.regimes import TABLE, WELL, Row, Scene, below, row_of
from scalewarden.judgement.settle import settled
from scalewarden.model.diagnosis import Confidence, Diagnosis, Regime
from scalewarden.model.finding import Evidence, Finding, Status
from scalewarden.model.snapshot import Diagnosed, Snapshot
from scalewarden.whatif.fleet import Fleet


def diagnose(snapshot: Snapshot, findings: Sequence[Finding], fleet: Fleet) -> tuple[Diagnosis, Diagnosed]:
    """The regime with its confidence and the evidence for and against it, and what is to be remembered of it.

    It does not flap: a regime that the table no longer gives stands for `diagnosisSettles` more, and says so.
    """
    scene = Scene(snapshot, facts(snapshot, fleet), _rules(findings, Status.FIRED), _rules(findings, Status.UNKNOWN))
    held = settled(row_of(scene).regime, snapshot)
    return _told(held, scene, findings, fleet), held


def _told(held: Diagnosed, scene: Scene, findings: Sequence[Finding], fleet: Fleet) -> Diagnosis:
    now = row_of(scene)
    if held.regime is now.regime:
        return _of_row(now, scene, findings, fleet, held.since)
    row = next(row for row in TABLE if row.regime is held.regime)
    going = f"{row.summary} {_passing(now.regime)}"
    return Diagnosis(row.regime, Confidence.LOW, going, row.advice, (), _against_all(now, scene, findings), held.since)


def _passing(now: Regime) -> str:
    blind = now is Regime.INDETERMINATE
    return "Too little is seen now to say it again." if blind else f"It is passing: what is read now says {now}."


def _of_row(row: Row, scene: Scene, findings: Sequence[Finding], fleet: Fleet, since: float) -> Diagnosis:
    mine = [finding for finding in findings if finding.rule in row.rules]
    fired = [finding for finding in mine if finding.fired]
    clear = [finding for finding in mine if finding.status is Status.CLEAR]
    speak, deny = (clear, fired) if row.regime in WELL and row.regime is not Regime.IDLE else (fired, clear)
    told = _evidence(fired) if speak is fired else ()
    return Diagnosis(
        row.regime,
        confidence(scene, row, (*told, *_facts(row, scene, decides=True))),
        _summary(row, fired, scene) + _sick(fleet),
        _advice(scene, row, fired, fleet),
        (*told, *_facts(row, scene)),
        (*_evidence(deny), *_facts(row, scene, speak_for=False)),
        since,
    )


def _against_all(now: Row, scene: Scene, findings: Sequence[Finding]) -> tuple[Evidence, ...]:
    """What speaks for the row that the table gives now speaks against the one that is held."""
    fired = [finding for finding in findings if finding.rule in now.rules and finding.fired]
    return (*_evidence(fired), *_facts(now, scene))


def _facts(row: Row, scene: Scene, *, speak_for: bool = True, decides: bool = False) -> tuple[Evidence, ...]:
    """Those that speak for the row, or against it; only those that decide it where that is asked."""
    told = ((fact, fact.told(scene)) for fact in row.facts if fact.decides or not decides)
    return tuple(one for fact, one in told if one is not None and fact.speaks_for(one) is speak_for)


def _rules(findings: Sequence[Finding], status: Status) -> frozenset[str]:
    return frozenset(finding.rule for finding in findings if finding.status is status)


BRIEFLY = " Requests wait, for too short a time to say why."
"""Of a service in which nothing binds yet."""


def _summary(row: Row, fired: Sequence[Finding], scene: Scene) -> str:
    """With the sentence of the finding behind it, or of the one that speaks against it."""
    if not fired:
        return row.summary + (BRIEFLY if row.regime is Regime.HEALTHY and (scene.facts.waiting or 0) > 0 else "")
    said = fired[0].message.rstrip(".")
    if row.regime in WELL and row.regime is not Regime.IDLE:
        return f"{row.summary} But {fired[0].rule} {fired[0].name}: {said}."
    return f"{row.summary} {said[0].upper()}{said[1:]}."


def _sick(fleet: Fleet) -> str:
    if not fleet.stuck:
        return ""
    return f" Stuck, with requests that make no progress: {', '.join(replica.pod for replica in fleet.stuck[:3])}."


def _evidence(findings: Sequence[Finding]) -> tuple[Evidence, ...]:
    return tuple(evidence for finding in findings for evidence in finding.evidence)


def _advice(scene: Scene, row: Row, fired: Sequence[Finding], fleet: Fleet) -> str:
    """A hot minority is a routing matter, not a lack of replicas."""
    if row.regime is Regime.KV_CACHE_BOUND and _minority_hot(scene, fired, fleet):
        return "Spread the requests: the cache is full on a minority of replicas, look at routing before adding any."
    return row.advice


def _minority_hot(scene: Scene, fired: Sequence[Finding], fleet: Fleet) -> bool:
    """Fewer than half of the replicas are under pressure, and on average there is room."""
    hot = {one.replica for one in _evidence(fired)}
    return len(hot) < len(fleet.serving) / 2 and below(scene.facts.kv_mean, scene.limits["kvUsageLow"])
