"""Hypothesis strategies for services in any state, sound or sick; they grow with the model."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric
from scalewarden.model.baseline import (
    BUCKETS,
    MOST_DAYS,
    MOST_SAMPLES,
    MOST_STARTS,
    Bucket,
    ColdStart,
    Learned,
    Line,
)
from scalewarden.model.fingerprint import Fingerprint
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Objectives
from scalewarden.model.signal import Absent, Point
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.topology import SliceShare
from scalewarden.model.workload import Gpu, Replica, Role, Routing
from tests import builders as build

fractions = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 4))
counts = st.integers(0, 200).map(float)
rates = st.floats(0, 5000, allow_nan=False).map(lambda value: round(value, 2))
absents = st.builds(Absent, st.sampled_from(["the scrape failed", "not exported"]), st.booleans())
spans = st.sampled_from([0.0, 30.0, 50.0, 120.0, 300.0, 600.0])


def values(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """A constant, a few samples, nothing, or an Absent with its cause."""
    return st.one_of(numbers, st.lists(numbers, min_size=1, max_size=8), st.none(), absents)


@st.composite
def gpus(draw: st.DrawFn) -> Gpu:
    """A GPU or a MIG slice with any utilization."""
    sliced = draw(st.booleans())
    names = ("engine_active", "kernel_utilization", "sm_active", "tensor_active", "dram_active", "fb_used")
    measured = {name: draw(values(fractions)) for name in names}
    if not sliced:
        return build.gpu(**measured)
    share = draw(st.sampled_from([None, SliceShare(1 / 7, 1 / 8), SliceShare(3 / 7, 1 / 2)]))
    return replace(build.mig(**measured), share=share)


@st.composite
def replicas(draw: st.DrawFn, /, **fixed: Any) -> Replica:
    """A pod with any load; `fixed` pins keywords of `builders.replica`."""
    drawn: dict[str, Any] = {
        "kv": draw(values(fractions)),
        "waiting": draw(values(counts)),
        "running": draw(values(counts)),
        "preemptions": draw(values(counts)),
        "gen_tps": draw(values(rates)),
        "finish_rate": draw(values(rates)),
        "prefill_tps": draw(values(rates)),
        "itl_mean": draw(values(fractions)),
        "eff_batch": draw(values(counts)),
        "kv_tokens": draw(st.sampled_from([None, 400_000.0, 400_000.0, 50_000.0])),
        "prefix_hit": draw(st.one_of(st.none(), fractions)),
        "engines": draw(st.sampled_from([1, 1, 2])),
        "age": draw(st.sampled_from([0.0, 30.0, 61.0, 120.0, 299.0, 300.0, 900.0])),
        "over": draw(spans),
        "ready": draw(st.sampled_from([True, True, True, False])),
        "max_num_seqs": draw(st.sampled_from([None, 8, 16, 256])),
        "gpus": draw(st.lists(gpus(), max_size=2)),
    }
    return build.replica(**{**drawn, **fixed})


@st.composite
def metrics(draw: st.DrawFn) -> AutoscalerMetric:
    """A metric of any kind, sound or not."""
    return draw(
        st.sampled_from(
            [
                build.resource("cpu"),
                build.container_resource("memory"),
                build.pods_metric("vllm:num_requests_waiting"),
                build.external("DCGM_FI_DEV_GPU_UTIL"),
                build.trigger("cpu"),
                build.trigger("prometheus", "avg(vllm:kv_cache_usage_perc)"),
                build.trigger("prometheus", "avg(DCGM_FI_PROF_GR_ENGINE_ACTIVE)"),
                build.trigger("prometheus", "sum(vllm:num_requests_waiting) or vector(0)", 50),
                build.trigger("prometheus", "avg(DCGM_FI_DEV_FB_USED) by (pod)", 0.5),
                build.trigger("prometheus"),
            ]
        )
    )


@st.composite
def autoscalers(draw: st.DrawFn) -> Autoscaler:
    """An HPA or ScaledObject with any metrics."""
    chosen, ignored = draw(st.lists(metrics(), max_size=3)), draw(st.sampled_from([None, "batch job"]))
    return (build.hpa if draw(st.booleans()) else build.scaled_object)(*chosen, ignore_reason=ignored)


@st.composite
def snapshots(draw: st.DrawFn, /, *, least: int = 0, most: int = 6, **fixed: Any) -> Snapshot:
    """A service of `least` to `most` replicas; `fixed` pins keywords of `builders.snapshot`."""
    pods = draw(st.lists(replicas(), min_size=least, max_size=most))
    target = build.target(draw(st.sampled_from(["Deployment", "Deployment", "StatefulSet", "LeaderWorkerSet"])))
    if target.ordered and draw(st.booleans()):
        pods = [replace(pod, ordinal=ordinal) for ordinal, pod in enumerate(pods)]
    actor = draw(st.sampled_from(Actor))
    intents = st.builds(Intent, st.just(len(pods)), st.integers(0, most), st.just(actor))
    drawn: dict[str, Any] = {
        "replicas": pods,
        "autoscalers": draw(st.lists(autoscalers(), max_size=2)),
        "routing": draw(st.sampled_from(Routing)),
        "objectives": draw(st.sampled_from([Objectives(), Objectives(ttft_p95=0.5, itl_p95=0.08)])),
        "service": {
            "gateway_waiting": draw(values(counts)),
            "itl_p95": draw(values(fractions)),
            "ttft_p95": draw(values(fractions)),
        },
        "sustainable_tps": draw(st.sampled_from([None, 1000.0])),
        "learned": draw(st.sampled_from(BASELINES)),
        "workload": build.gpu_workload(role=draw(st.sampled_from([None, None, *Role]))),
        "target": target,
        "intent": draw(st.one_of(st.none(), intents)),
    }
    return build.snapshot(**{**drawn, **fixed})


@st.composite
def baselines(draw: st.DrawFn) -> Learned:
    """What a service may have learned, within its bounds; drawn as one seed, since it holds hundreds of numbers."""
    return baseline(Random(draw(st.integers(0, 2**32))))


def baseline(draw: Random) -> Learned:
    """One of them."""

    def at() -> float:
        return build.AT - 60.0 * draw.randint(0, 12_000)

    def points(most: int) -> tuple[Point, ...]:
        rate = 10 ** draw.uniform(-1, 5)
        return tuple(
            sorted(Point(at(), float(f"{rate * draw.uniform(0.5, 2):.3g}")) for _ in range(draw.randint(0, most)))
        )

    def bucket(running: int) -> Bucket:
        sizes = draw.choice([(None, None), (1000.0, 200.0)])
        return Bucket(running, at(), draw.uniform(1, 900), draw.uniform(1, 9000), draw.uniform(0, 900), *sizes)

    slope, batch = draw.uniform(-0.001, 0.01), draw.uniform(1, 100)
    line = Line(
        at(), draw.uniform(1, 900), batch, 0.03, 50.0, 1.0, 50.0 * slope, batch * draw.uniform(0.2, 1), batch * 1.2
    )
    return Learned(
        fingerprint=Fingerprint(engine=draw.choice([None, "vLLM"]), image=draw.choice([None, "i:1"])),
        since=at(),
        updated=draw.choice([None, at()]),
        saturated=points(MOST_SAMPLES),
        calm=points(MOST_DAYS),
        itl=draw.choice([None, line]),
        batches=tuple(bucket(running) for running in BUCKETS if draw.random() < 0.5),
        cold_starts=tuple(
            sorted(ColdStart(at(), 60.0, f"p{number}") for number in range(draw.randint(0, MOST_STARTS)))
        ),
    )


BASELINES = (None, *(baseline(Random(seed)) for seed in range(8)))
"""Some of them, for services that are drawn in many other ways."""
