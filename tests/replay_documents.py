"""Documents of replays for tests of what is made of them: a calm one, and ones of any size and any text."""

from __future__ import annotations

from typing import Any

from scalewarden.model.diagnosis import Regime
from scalewarden.model.finding import Misinterpretation
from scalewarden.model.intent import Actor
from scalewarden.model.regret import Outcome
from scalewarden.model.replayed import Bucket, Decided, Misreading, Replayed, Span, Step
from scalewarden.model.verdict import Decision, Reason, Test
from scalewarden.surfaces.replay_json import About, document
from scalewarden.surfaces.replay_json_models import ReplayDocument

START = 1_766_188_800.0
"""Unix seconds: 2025-12-20T00:00:00Z, a midnight."""
HOUR = 3600.0


def bucket(at: float, seconds: float, **known: float | None) -> Bucket:
    names = (
        "desired", "ready", "safe", "fence", "autoscaler_fence", "kv_high", "kv_mean", "waiting", "running",
        "tokens_per_second",
    )  # fmt: skip
    return Bucket(at, seconds, **{name: known.get(name) for name in names})


def decided(at: float, **more: Any) -> Decided:
    given: dict[str, Any] = {
        "from_": 4, "to": 2, "actor": Actor.AUTOSCALER, "decision": Decision.DENY,
        "reason": Reason.KV_CACHE_PRESSURE, "binding_test": Test.KV_CACHE_USAGE, "message": "4→2 is refused",
        "regime": Regime.KV_CACHE_BOUND, "safe_replicas": 4, "predicted": 1.35, "measured": 1.0,
        "outcome": Outcome.NEEDED, "why": "the KV cache was over 0.80", "held_until": at + HOUR, "seconds_held": HOUR,
        "against": (Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    }  # fmt: skip
    return Decided(at, **{**given, **more})


def service(key: str = "serving/chat", buckets: int = 96, seconds: float = 900.0, **more: Any) -> Replayed:
    """A day by default: load that comes and goes, a gap, and the decreases that are given."""
    line = []
    for index in range(buckets):
        if 40 <= index < 44:
            line.append(bucket(START + index * seconds, seconds))
            continue
        share = (index % 48) / 48
        line.append(
            bucket(
                START + index * seconds, seconds, desired=4.0, ready=4.0 if index % 7 else 3.0, safe=3.0, fence=3.0,
                autoscaler_fence=3.0, kv_high=0.2 + 0.7 * share, kv_mean=0.15 + 0.5 * share, waiting=10 * share**3,
                running=40 * share, tokens_per_second=4000 * share,
            )
        )  # fmt: skip
    given: dict[str, Any] = {
        "target": "deployments/chat", "engine": "vLLM", "mode": "Enforce", "gpus_per_replica": 2,
        "evaluations": buckets, "timeline": tuple(line), "steps": (Step(START + HOUR, 4, 2),), "decided": (),
        "misreadings": (), "misread": {}, "gaps": (Span("no samples", START + 10 * HOUR, START + 11 * HOUR),),
        "regimes": (
            Span("Healthy", START, START + 5 * HOUR), Span("KVCacheBound", START + 5 * HOUR, START + 24 * HOUR),
        ),
        "kv_allow": 0.7, "kv_deny": 0.8,
    }  # fmt: skip
    return Replayed(key=key, **{**given, **more})


def misreading(at: float, message: str = "KV cache under pressure", **more: Any) -> Misreading:
    kinds = (Misinterpretation.LOW_UTILIZATION_IS_WASTE,)
    return Misreading("KVC201", "kv-cache-pressure", kinds, at, at + HOUR, message, **more)


def replay(*services: Replayed, notes: tuple[str, ...] = (), hours: float = 24.0) -> ReplayDocument:
    return document(About("Prometheus http://prometheus:9090", START, START + hours * HOUR, 15.0, notes), services)
