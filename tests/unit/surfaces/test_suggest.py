"""A suggested autoscaler: sound by our own rules for every engine, from what was observed or a named default."""

import re
from dataclasses import replace
from typing import Any

import pytest

from scalewarden.model.autoscaler import MetricSource, TargetType
from scalewarden.model.finding import Status
from scalewarden.model.policy import Objectives, Policy
from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine, Role, Workload
from scalewarden.signals.engines import TABLES
from scalewarden.sources.autoscalers import autoscaler_of_hpa
from scalewarden.sources.scaledobjects import autoscaler_of_scaledobject
from scalewarden.surfaces.suggest import Kind
from scalewarden.surfaces.suggest_keda import scaled_object
from tests import builders as build
from tests.unit.surfaces.suggested import ENGINES, KINDS, judged, nothing, suggestion, targets, text, written

N = SignalName
NUMBER = re.compile(r" +[A-Za-z]+: ('[0-9.]+'|[0-9]+)")
LIMITED = build.gpu_workload(max_num_seqs=64)
FOLLOWED = {
    Engine.VLLM: ("vllm:kv_cache_usage_perc", "vllm:num_requests_waiting"),
    Engine.SGLANG: ("sglang:token_usage", "sglang:num_queue_reqs"),
    Engine.TGI: ("tgi_queue_size", "tgi_batch_current_size"),
    Engine.TENSORRT_LLM: ("trtllm_kv_cache_utilization", "trtllm_num_requests_waiting"),
    Engine.TRITON: ("nv_trt_llm_kv_cache_block_metrics", "nv_trt_llm_request_metrics"),
    Engine.LMDEPLOY: ("lmdeploy:gpu_cache_usage_perc", "lmdeploy:num_requests_waiting"),
    Engine.LLAMA_CPP: ("llamacpp:requests_deferred", "llamacpp:requests_processing"),
    Engine.RAY_SERVE: ("ray_vllm_kv_cache_usage_perc", "ray_vllm_num_requests_waiting"),
    Engine.NIM: ("gpu_cache_usage_perc", "num_requests_waiting"),
    Engine.DYNAMO: ("dynamo_component_gpu_cache_usage_percent", "dynamo_component_inflight_requests"),
}


def unobserved(engine: Engine = Engine.VLLM, **more: Any) -> Snapshot:
    """Four replicas that nobody looked at."""
    return build.snapshot(desired=4, engine=engine, **{"workload": LIMITED, **more})


def test_every_engine_is_here() -> None:
    assert set(ENGINES) == set(FOLLOWED)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("limit", [64, None])
def test_our_own_rules_find_nothing(engine: Engine, kind: Kind, limit: int | None) -> None:
    snapshot = unobserved(engine, workload=build.gpu_workload(max_num_seqs=limit, mig_profile="3g.40gb"))
    findings = judged(written(suggestion(snapshot, kind), kind), snapshot)
    assert {finding.status for finding in findings} == {Status.CLEAR}, findings


@pytest.mark.parametrize("engine", ENGINES)
def test_what_an_hpa_follows(engine: Engine) -> None:
    read = autoscaler_of_hpa(written(suggestion(unobserved(engine)), Kind.HPA))
    *engines, safe = read.metrics
    assert tuple(metric.name for metric in engines) == FOLLOWED[engine]
    assert {metric.source for metric in engines} == {MetricSource.PODS}
    assert {metric.target_type for metric in engines} == {TargetType.AVERAGE_VALUE}
    assert (safe.source, safe.name, safe.target) == (MetricSource.EXTERNAL, "scalewarden_safe_replicas", 1)
    assert safe.target_type is TargetType.AVERAGE_VALUE


@pytest.mark.parametrize("engine", ENGINES)
def test_what_keda_asks(engine: Engine) -> None:
    read = autoscaler_of_scaledobject(written(suggestion(unobserved(engine), Kind.SCALED_OBJECT), Kind.SCALED_OBJECT))
    *engines, safe = read.metrics
    for metric, name in zip(engines, FOLLOWED[engine], strict=True):
        assert f'{name}{{namespace="serving", pod=~"llama-70b-[a-z0-9]+-[a-z0-9]{{5}}"' in metric.query
        assert metric.query.startswith("avg(") and metric.target_type is TargetType.VALUE
    assert "scalewarden_safe_replicas" in safe.query and safe.target_type is TargetType.AVERAGE_VALUE
    assert {metric.ignore_null_values for metric in read.metrics} == {False}


def test_labels_that_a_series_must_carry_or_lack() -> None:
    triton = written(suggestion(unobserved(Engine.TRITON)), Kind.HPA)["spec"]["metrics"]
    assert triton[0]["pods"]["metric"]["selector"] == {"matchLabels": {"kv_cache_block_type": "fraction"}}
    assert triton[1]["pods"]["metric"]["selector"] == {"matchLabels": {"request_type": "waiting"}}
    sglang = written(suggestion(unobserved(Engine.SGLANG)), Kind.HPA)["spec"]["metrics"]
    absent = {"matchExpressions": [{"key": "priority", "operator": "DoesNotExist"}]}
    assert "selector" not in sglang[0]["pods"]["metric"]
    assert sglang[1]["pods"]["metric"]["selector"] == absent
    asked = text(suggestion(unobserved(Engine.SGLANG), Kind.SCALED_OBJECT), Kind.SCALED_OBJECT)
    ranks = "sum by (pod) (max without (moe_ep_rank, pid, pp_rank, tp_rank) (sglang:num_queue_reqs{"
    assert ranks in asked and ', priority=""}' in asked


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_each_number_has_its_source_above_it(engine: Engine, kind: Kind) -> None:
    lines = text(suggestion(unobserved(engine), kind), kind).splitlines()
    numbers = [at for at, line in enumerate(lines) if NUMBER.fullmatch(line)]
    assert len(numbers) >= 8
    bare = [lines[at] for at in numbers if not lines[at - 1].lstrip().startswith("# ")]
    assert bare == []
    assert max(map(len, (line for line in lines if line.lstrip().startswith("#") and "{" not in line))) <= 120


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_facts_give_the_same_bytes(kind: Kind) -> None:
    assert text(suggestion(unobserved(), kind), kind) == text(suggestion(unobserved(), kind), kind)


# Nothing to suggest --------------------------------------------------------------------------------------------------


def test_no_engine_and_no_gpu_is_no_inference() -> None:
    assert "no LLM inference" in nothing(unobserved(Engine.UNKNOWN, workload=Workload(image="nginx:1")))


def test_an_engine_that_is_not_known_on_gpus() -> None:
    assert "spec.engine" in nothing(unobserved(Engine.UNKNOWN))


def test_an_engine_on_cpus() -> None:
    assert "vLLM runs on CPUs" in nothing(unobserved(workload=Workload(image="vllm/vllm-openai-cpu:v0.32.0")))


def test_a_dynamic_claim_may_be_a_gpu() -> None:
    claimed = Workload(image="vllm/vllm-openai:v0.32.0", resource_claims=("gpu",))
    assert targets(suggestion(unobserved(workload=claimed)))


def test_an_engine_without_metrics() -> None:
    said = nothing(unobserved(Engine.OLLAMA))
    assert said.startswith("Ollama serves no metrics page") and "an engine that has metrics" in said


# Targets -------------------------------------------------------------------------------------------------------------


def kv_of(*peaks: float, **more: Any) -> tuple[float, str]:
    """Target and comment for replicas with these peaks of KV usage."""
    found = suggestion(build.snapshot([build.replica(kv=peak) for peak in peaks], **more)).metrics[0]
    assert found.followed.signal is N.KV_USAGE
    return found.target.value, found.target.why


def test_the_kv_target_without_observation_is_the_named_default() -> None:
    metric = suggestion(unobserved()).metrics[0]
    assert metric.target.value == 0.65
    assert metric.target.why.startswith("Default kvTarget 0.65 (llm-d Workload Variant Autoscaler")


def test_even_replicas_leave_the_default() -> None:
    value, why = kv_of(0.6, 0.6, 0.6)
    assert value == 0.65 and "observed: the fullest of 3 replicas peaked at 0.60" in why


def test_an_uneven_fleet_adds_earlier() -> None:
    # The fullest has 0.75 where the mean is 0.5: 0.8 / 1.1 / 1.5 = 0.4848
    value, why = kv_of(0.75, 0.5, 0.25)
    assert value == 0.48
    assert why.startswith("Observed: the fullest of 3 replicas peaked at 0.75, the mean of their peaks is 0.50")


def test_a_very_uneven_fleet_is_not_followed_down_to_nothing() -> None:
    assert kv_of(0.9, 0.02, 0.02, 0.02)[0] == 0.30


@pytest.mark.parametrize("peaks", [(0.3, 0.1), (0.7,)])
def test_a_calm_or_single_replica_tells_nothing_of_unevenness(peaks: tuple[float, ...]) -> None:
    value, why = kv_of(*peaks)
    assert value == 0.65 and "bserved" not in why


def test_a_replica_that_is_not_known_tells_nothing_of_unevenness() -> None:
    replicas = [build.replica(kv=0.75), build.replica(kv=0.25), build.replica(kv=Absent("the scrape failed"))]
    assert suggestion(build.snapshot(replicas)).metrics[0].target.value == 0.65


def test_the_owners_line_counts() -> None:
    value, why = kv_of(0.3, thresholds={"kvUsageDeny": 0.5})
    assert value == 0.45 and why.startswith("By the service's kvUsageDeny") and "0.5" in why


def waiting_of(snapshot: Snapshot) -> tuple[float, str]:
    found = next(one for one in suggestion(snapshot).metrics if one.followed.signal is N.WAITING)
    return found.target.value, found.target.why


def busy(rate: float, **more: Any) -> Snapshot:
    replicas = [build.replica(waiting=2, finish_rate=rate), build.replica(waiting=2, finish_rate=rate)]
    return build.snapshot(replicas, objectives=Objectives(ttft_p95=2.0), **more)


@pytest.mark.parametrize(
    ("rate", "target"),
    [(0.2, 1.0), (1.25, 2.0), (2.0, 3.2), (40.0, 4.5)],  # 0.8 * 2 s * rate, within 1 and 5 / 1.1
)
def test_a_queue_as_long_as_is_served_in_time(rate: float, target: float) -> None:
    value, why = waiting_of(busy(rate))
    assert value == target
    assert why.startswith(f"Observed: a replica finishes {rate:.2f} requests/s, and 80% of the TTFT objective are 1.6")


def test_without_a_queue_the_rate_is_the_demand() -> None:
    calm = build.snapshot([build.replica(finish_rate=9.0)], objectives=Objectives(ttft_p95=2.0))
    assert waiting_of(calm)[0] == 3.0
    assert waiting_of(replace(busy(9.0), objectives=Objectives()))[0] == 3.0


def test_the_owners_line_for_the_queue_counts() -> None:
    assert waiting_of(unobserved(thresholds={"waitingPerReplicaDeny": 2.2}))[0] == 2.0


def running_of(snapshot: Snapshot) -> float | None:
    return targets(suggestion(snapshot)).get(N.RUNNING)


def test_running_requests_where_no_kv_usage_is_exported() -> None:
    assert running_of(unobserved(Engine.TGI)) == 44.0
    assert running_of(unobserved(Engine.TGI, workload=build.gpu_workload())) is None
    assert running_of(unobserved(Engine.VLLM)) is None


def test_each_engine_inside_a_replica_has_a_batch_of_its_own() -> None:
    pods = [build.replica(max_num_seqs=100, engines=2)]
    assert running_of(build.snapshot(pods, engine=Engine.DYNAMO)) == 140.0
    stated = build.gpu_workload(max_num_seqs=100, data_parallel_size=2)
    assert running_of(unobserved(Engine.DYNAMO, workload=stated)) == 140.0
    assert running_of(unobserved(Engine.TGI, workload=stated)) == 70.0


def test_what_ran_while_others_waited_is_the_limit() -> None:
    full = build.snapshot([build.replica(kv=None, running=20, waiting=3)], engine=Engine.LLAMA_CPP)
    assert running_of(full) == 14.0
    calm = build.snapshot([build.replica(kv=None, running=20)], engine=Engine.LLAMA_CPP)
    assert running_of(calm) is None


def read(name: SignalName, value: float, source: str) -> Reading:
    return build.reading(name, value, source=source)


def test_the_spelling_that_was_read_counts() -> None:
    old = build.replica(kv=read(N.KV_USAGE, 0.3, "vllm:gpu_cache_usage_perc"))
    metric = suggestion(build.snapshot([old])).metrics[0]
    assert (metric.followed.name, metric.followed.seen) == ("vllm:gpu_cache_usage_perc", True)
    assert "Name: as read on a replica." in " ".join(
        text(suggestion(build.snapshot([old])), Kind.HPA).replace("#", "").split()
    )


def test_a_series_that_is_always_beside_what_was_read() -> None:
    pod = build.replica(kv=read(N.KV_USAGE, 0.3, "sglang:full_token_usage"))
    metric = suggestion(build.snapshot([pod], engine=Engine.SGLANG)).metrics[0]
    assert (metric.followed.name, metric.followed.seen) == ("sglang:token_usage", True)
    snapshot = build.snapshot([pod], engine=Engine.SGLANG)
    assert {one.status for one in judged(written(suggestion(snapshot), Kind.HPA), snapshot)} == {Status.CLEAR}


def test_older_names_are_told_where_nothing_was_read() -> None:
    said = " ".join(text(suggestion(unobserved()), Kind.HPA).replace("#", " ").split())
    assert "Name: as in vLLM 0.9.2 on, nothing was read yet; in other releases vllm:gpu_cache_usage_perc (up" in said


def test_an_old_llama_cpp_that_shows_its_cache() -> None:
    pod = build.replica(kv=read(N.KV_USAGE, 0.3, "llamacpp:kv_cache_usage_ratio"))
    found = suggestion(build.snapshot([pod], engine=Engine.LLAMA_CPP))
    assert found.metrics[0].followed.name == "llamacpp:kv_cache_usage_ratio"


# Bounds and brakes ---------------------------------------------------------------------------------------------------


def bounds(snapshot: Snapshot, policy: Policy | None = None, safe: int | None = None) -> tuple[int, int]:
    found = suggestion(snapshot, policy=policy, safe=safe)
    return found.minimum.whole, found.maximum.whole


def test_bounds_without_an_autoscaler() -> None:
    assert bounds(unobserved()) == (2, 8)
    assert bounds(build.snapshot(desired=1)) == (1, 2)
    assert bounds(build.snapshot(desired=0)) == (1, 2)
    assert bounds(unobserved(), safe=7) == (2, 14)
    assert bounds(unobserved(), Policy(min_replicas=3)) == (3, 8)
    assert bounds(unobserved(), Policy(min_replicas=9)) == (9, 18)


def test_bounds_of_the_autoscaler_that_is_there() -> None:
    there = build.hpa(min_replicas=3, max_replicas=6)
    assert bounds(unobserved(autoscalers=[there])) == (3, 6)
    assert bounds(unobserved(autoscalers=[there]), Policy(min_replicas=5)) == (5, 6)
    assert bounds(unobserved(autoscalers=[there]), safe=9) == (3, 9)
    zero = build.scaled_object(min_replicas=0, max_replicas=2)
    assert bounds(unobserved(autoscalers=[zero])) == (1, 4)


def test_it_takes_the_place_of_its_like() -> None:
    there = [build.scaled_object(name="by-keda"), build.hpa(name="on-cpu")]
    found = suggestion(unobserved(autoscalers=there))
    assert found.name == "on-cpu"
    assert [note for note in found.notes if "ASC609" in note] == [
        "delete ScaledObject/by-keda first: two autoscalers on one target overwrite each other (ASC609)"
    ]
    assert suggestion(unobserved(autoscalers=there), Kind.SCALED_OBJECT).name == "by-keda"
    assert suggestion(unobserved(autoscalers=there[:1])).name == "llama-70b"
    twice = suggestion(unobserved(autoscalers=[build.hpa(name="a"), build.hpa(name="b")]))
    assert (twice.name, len(twice.notes)) == ("a", 1) and "HorizontalPodAutoscaler/b" in twice.notes[0]


@pytest.mark.parametrize(
    ("cold_start", "thresholds", "window", "said"),
    [
        (None, {}, 300, "No start was measured, coldStart is 300 s"),
        (412.4, {}, 413, "Observed: the slowest start took 412 s"),
        (81.0, {}, 300, "no removal is judged safe for 300 s (dwell)"),
        (81.0, {"dwell": 400.0}, 400, "no removal is judged safe for 400 s (dwell)"),
        (81.0, {"dwell": 5.0}, 300, "300 s are Kubernetes: default"),
        (3599.0, {}, 3599, "Observed"),
        (None, {"coldStart": 7200.0}, 3600, "3600 s is the most that the API takes"),
    ],
)
def test_a_removal_waits_for_a_model_start(
    cold_start: float | None, thresholds: dict[str, float], window: int, said: str
) -> None:
    found = suggestion(unobserved(thresholds=thresholds, cold_start=cold_start)).stabilization
    assert found.whole == window and said in found.why


@pytest.mark.parametrize("kind", KINDS)
def test_one_replica_at_a_time(kind: Kind) -> None:
    spec = written(suggestion(unobserved(), kind), kind)["spec"]
    if kind is Kind.SCALED_OBJECT:
        spec = spec["advanced"]["horizontalPodAutoscalerConfig"]
    assert spec["behavior"] == {
        "scaleUp": {"stabilizationWindowSeconds": 0},
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
        },
    }


# What a person must know ---------------------------------------------------------------------------------------------


def test_metrics_that_are_off_are_named() -> None:
    off = build.gpu_workload(metrics_off="`--enable-metrics` is not set")
    assert suggestion(unobserved(Engine.SGLANG, workload=off)).notes == (
        "the engine serves no metrics yet, `--enable-metrics` is not set: start SGLang with --enable-metrics",
    )


def test_series_that_nobody_read_are_named() -> None:
    blind = build.snapshot([build.replica(kv=None, waiting=None, running=None)])
    assert suggestion(blind).notes[0].startswith("none of these series was read on a replica")


def test_half_a_service_is_named() -> None:
    half = unobserved(workload=build.gpu_workload(role=Role.PREFILL))
    assert suggestion(half).notes == ("this target is the Prefill half of its service: suggest for the other half too",)


def test_pods_that_nothing_is_known_of() -> None:
    assert "not known whether its pods use GPUs" in suggestion(unobserved(workload=Workload())).notes[0]


@pytest.mark.parametrize(
    ("kind", "name", "pattern"),
    [
        ("Deployment", "llama-70b", "llama-70b-[a-z0-9]+-[a-z0-9]{5}"),
        ("StatefulSet", "llama.70b", "llama[.]70b-[0-9]+"),
        ("LeaderWorkerSet", "llama", "llama-[0-9]+"),
        ("Rollout", "llama", "llama-.+"),
        ("Deployment", "a" * 60, "a" * 46 + ".*"),
    ],
)
def test_the_pods_of_each_kind_of_target(kind: str, name: str, pattern: str) -> None:
    found = suggestion(unobserved(target=build.target(kind, name)), Kind.SCALED_OBJECT)
    assert f'pod=~"{pattern}"' in text(found, Kind.SCALED_OBJECT)


def test_the_address_of_prometheus() -> None:
    found = suggestion(unobserved(), Kind.SCALED_OBJECT)
    assert scaled_object(found).count("http://prometheus.monitoring:9090") == 3
    assert "Write the address of your Prometheus" in scaled_object(found)
    given = scaled_object(found, "http://thanos.obs:9090")
    assert given.count("http://thanos.obs:9090") == 3 and "Write the address" not in given


def test_every_engine_of_the_catalogue_is_answered() -> None:
    for engine in TABLES:
        if engine in ENGINES:
            assert suggestion(unobserved(engine))
        else:
            assert nothing(unobserved(engine))
