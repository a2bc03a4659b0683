"""Facts → Snapshot: what is declared comes before what is detected."""

from collections.abc import Sequence
from typing import Any

import pytest

from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.snapshot import from_json, to_json
from scalewarden.model.workload import Engine, EngineState, Replica, Routing
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.assemble import Facts, assemble

AT = 1_766_370_000.0
TEMPLATE = {
    "metadata": {"labels": {"app": "llama"}},
    "spec": {
        "containers": [
            {
                "name": "vllm",
                "image": "vllm/vllm-openai:v0.32.0",
                "args": ["--max-num-seqs", "64", "-tp", "2"],
                "resources": {"limits": {"nvidia.com/gpu": "2"}},
            }
        ]
    },
}
TARGET = {"kind": "Deployment", "metadata": {"name": "llama"}, "spec": {"replicas": 3, "template": TEMPLATE}}


def declared(**spec: Any) -> InferenceDeployment:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    metadata = {"name": "llama", "namespace": "serving"}
    return InferenceDeployment.parse({"metadata": metadata, "spec": {"targetRef": reference, **spec}})


def page(at: float, kv: float = 0.5) -> Scrape:
    labels = {"kv_cache_size_tokens": "8192"}
    samples = (Sample("vllm:kv_cache_usage_perc", {"engine": "0"}, kv), Sample("vllm:cache_config_info", labels, 1))
    return Scrape(at, samples)


def facts(of_pod: Sequence[Scrape] | Absent = (page(AT - 15), page(AT)), **more: Any) -> Facts:
    replicas = [Replica("llama-0", max_num_seqs=64)]
    return Facts(**{"target": TARGET, "replicas": replicas, "scrapes": {("serving", "llama-0"): of_pod}, **more})


def test_a_snapshot_of_what_is_known():
    snapshot = assemble(declared(), facts(), at=AT)
    assert (snapshot.key, snapshot.target.key, snapshot.replicas_desired) == ("serving/llama", "deployments/llama", 3)
    assert (snapshot.engine, snapshot.scrape_interval, snapshot.window) == (Engine.VLLM, 15.0, 600.0)
    workload = snapshot.workload
    assert (workload.tensor_parallel_size, workload.gpus_per_replica, workload.requests_gpu) == (2, 2, True)
    assert from_json(to_json(snapshot)) == snapshot


def test_what_is_declared_wins():
    spec = declared(
        topology={"gpusPerReplica": 4, "tensorParallelSize": 4, "migProfile": "3g.40gb"},
        baseline={"maxNumSeqs": 32, "kvCapacityTokens": 5000, "tokensPerSecondPerGPU": 100},
        routing="Sticky",
        signals={"window": "5m"},
        objectives={"interTokenLatency": {"p95": "80ms"}},
        policy={"thresholds": {"kvUsageAllow": "0.6"}},
    )
    snapshot = assemble(spec, facts(scrape_interval=5.0, resource="deploys", cold_start=90.0), at=AT)
    assert (snapshot.workload.gpus_per_replica, snapshot.workload.mig_profile) == (4, "3g.40gb")
    assert (snapshot.workload.max_num_seqs, snapshot.replicas[0].max_num_seqs) == (32, 32)
    capacity = snapshot.replicas[0].signal(SignalName.KV_TOKENS)
    assert isinstance(capacity, Reading)
    assert (capacity.value, capacity.source) == (5000, "spec.baseline.kvCapacityTokens")
    assert (snapshot.sustainable_tps, snapshot.routing, snapshot.window) == (400.0, Routing.STICKY, 300.0)
    assert (snapshot.objectives.itl_p95, snapshot.thresholds["kvUsageAllow"]) == (0.08, 0.6)
    assert (snapshot.scrape_interval, snapshot.target.resource, snapshot.cold_start) == (5.0, "deploys", 90.0)


@pytest.mark.parametrize(
    ("scrapes", "target", "engine"),
    [
        ((page(AT),), None, Engine.VLLM),
        (Absent("refused"), TARGET, Engine.VLLM),
        (Absent("refused"), None, Engine.UNKNOWN),
        ((Scrape(AT, ()),), None, Engine.UNKNOWN),
    ],
)
def test_the_engine_by_its_page_else_by_the_template(scrapes: Any, target: Any, engine: Engine):
    assert assemble(declared(), facts(scrapes, target=target), at=AT).engine is engine


def test_a_declared_engine_is_believed():
    assert assemble(declared(engine="SGLang"), facts(), at=AT).engine is Engine.SGLANG


def test_without_the_target_the_listed_replicas_are_desired():
    assert assemble(declared(), facts(target=None), at=AT).replicas_desired == 1


def test_a_pod_that_no_source_was_asked_for_is_absent():
    snapshot = assemble(declared(), facts((), replicas=[Replica("new")]), at=AT)
    assert snapshot.replicas[0].signal(SignalName.WAITING) == Absent("no scrape of its metrics page")
    assert snapshot.scrape_interval == 15.0


def test_service_signals_are_of_the_replicas_that_serve():
    replicas = [Replica("llama-0"), Replica("llama-1", ready=False)]
    running = {name: Scrape(AT, (Sample("vllm:num_requests_running", {}, n),)) for name, n in (("0", 3), ("1", 40))}
    scrapes = {("serving", f"llama-{name}"): (one,) for name, one in running.items()}
    found = assemble(declared(), facts(replicas=replicas, scrapes=scrapes), at=AT).signal(SignalName.RUNNING)
    assert isinstance(found, Reading)
    assert found.value == 3


def exporter(kernel: float) -> tuple[Scrape, ...]:
    labels = {"UUID": "GPU-a", "namespace": "serving", "pod": "llama-0"}
    return (Scrape(AT, (Sample("DCGM_FI_DEV_GPU_UTIL", labels, kernel),)),)


def test_gpus_come_from_the_exporters():
    snapshot = assemble(declared(), facts(exporters={"dcgm": exporter(40), "other": Absent("down")}), at=AT)
    (gpu,) = snapshot.replicas[0].gpus
    assert gpu.uuid == "GPU-a"
    busy = snapshot.replicas[0].signal(SignalName.GPU_BUSY)
    assert isinstance(busy, Reading)
    assert busy.value == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("exporters", "cause"),
    [
        ({}, "no GPU exporter is read"),
        ({"dcgm": Absent("the connection was refused")}, "the connection was refused"),
        ({"dcgm": ()}, "no GPU exporter reports a GPU of this replica"),
    ],
)
def test_no_gpu_signal_says_why(exporters: Any, cause: str):
    snapshot = assemble(declared(), facts(exporters=exporters), at=AT)
    assert snapshot.replicas[0].signal(SignalName.GPU_BUSY) == Absent(cause)


def test_a_declared_slice_makes_kernel_utilization_meaningless():
    snapshot = assemble(declared(topology={"migProfile": "1g.10gb"}), facts(exporters={"d": exporter(40)}), at=AT)
    (gpu,) = snapshot.replicas[0].gpus
    assert gpu.signal(SignalName.KERNEL_UTILIZATION) == Absent("not measured under MIG")
    assert gpu.reports_kernel_utilization


def test_a_declared_none_means_whole_gpus():
    template = {"spec": {"containers": [{"resources": {"limits": {"nvidia.com/mig-1g.10gb": 1}}}]}}
    target = {"spec": {"template": template}}
    detected = assemble(declared(), facts(target=target), at=AT)
    assert detected.workload.mig_profile == "1g.10gb"
    assert assemble(declared(topology={"migProfile": "None"}), facts(target=target), at=AT).workload.mig_profile is None


def sgl(at: float, kv: float = 0.5) -> Scrape:
    return Scrape(at, (Sample("sglang:token_usage", {}, kv), Sample("sglang:num_running_reqs", {}, 3)))


def test_each_pod_is_read_as_the_engine_that_wrote_its_page():
    """A rollout from one engine to another has both for a while."""
    found = Facts(
        target=TARGET,
        replicas=[Replica("llama-0"), Replica("llama-1")],
        scrapes={("serving", "llama-0"): (page(AT, kv=0.25),), ("serving", "llama-1"): (sgl(AT, kv=0.75),)},
    )
    replicas = assemble(declared(), found, at=AT).replicas
    assert [replica.reading(SignalName.KV_USAGE).value for replica in replicas] == [0.25, 0.75]  # type: ignore[union-attr]


def test_an_engine_without_a_page_never_exports_what_it_never_exports():
    template = {"spec": {"containers": [{"name": "tgi", "image": "ghcr.io/huggingface/text-generation-inference:3"}]}}
    target = {"kind": "Deployment", "metadata": {"name": "llama"}, "spec": {"replicas": 1, "template": template}}
    snapshot = assemble(declared(), facts(Absent("the pod answers HTTP 404"), target=target), at=AT)
    (replica,) = snapshot.replicas
    assert snapshot.engine is Engine.TGI
    kv = replica.signal(SignalName.KV_USAGE)
    assert isinstance(kv, Absent)
    assert kv.for_good
    assert replica.signal(SignalName.WAITING) == Absent("the pod answers HTTP 404")


def test_the_batch_limit_is_as_declared_as_the_arguments_or_as_the_page_says():
    samples = (Sample("trtllm_max_batch_size_static", {}, 48.0), Sample("trtllm_num_requests_running", {}, 24.0))
    bare = {"kind": "Deployment", "metadata": {"name": "llama"}, "spec": {"replicas": 1}}
    told = facts((Scrape(AT, samples),), replicas=[Replica("llama-0")], target=bare)
    (replica,) = assemble(declared(), told, at=AT).replicas
    assert replica.max_num_seqs == 48
    assert replica.reading(SignalName.BATCH_FILL).value == 0.5  # type: ignore[union-attr]
    (replica,) = assemble(declared(baseline={"maxNumSeqs": 32}), told, at=AT).replicas
    assert replica.max_num_seqs == 32
    (replica,) = assemble(declared(), facts(), at=AT).replicas
    assert replica.max_num_seqs == 64


@pytest.mark.parametrize(
    ("replica", "samples", "state"),
    [
        (Replica("llama-0", ready=False), (), EngineState.STARTING),
        (Replica("llama-0"), None, EngineState.UNREACHABLE),
        (Replica("llama-0"), (("awake", 0.0), ("discard_all", 1.0)), EngineState.ASLEEP),
        (Replica("llama-0"), (("awake", 1.0), ("discard_all", 0.0)), EngineState.OK),
    ],
)
def test_the_state_of_an_engine(replica: Replica, samples: Any, state: EngineState):
    sleep = tuple(Sample("vllm:engine_sleep_state", {"sleep_state": name}, value) for name, value in samples or ())
    of_pod: Any = Absent("refused") if samples is None else (Scrape(AT, (*page(AT).samples, *sleep)),)
    (found,) = assemble(declared(), facts(of_pod, replicas=[replica]), at=AT).replicas
    assert found.engine_state is state


def test_custom_signals_are_read_from_the_page():
    spec = declared(engine="Custom", signals={"custom": [{"signal": "kv_usage", "series": "pool", "scale": "0.01"}]})
    (replica,) = assemble(spec, facts((Scrape(AT, (Sample("pool", {}, 40.0),)),)), at=AT).replicas
    assert replica.reading(SignalName.KV_USAGE).value == 0.4  # type: ignore[union-attr]
