"""Every absent signal of every engine has something to do about it, or something that decides in its stead."""

import pytest

from scalewarden.model.signal import ENGINE_SIGNALS, Absent, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import NEVER_READ, Engine
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.gpus.devices import NO_EXPORTER
from scalewarden.signals.gpus.table import ExporterTable
from scalewarden.signals.remedies import remedy
from scalewarden.signals.staleness import stale

CAUSES = (
    Absent("not on its metrics page: x"),
    Absent("it does not export it", for_good=True),
    Absent("no `vllm:` series on its metrics page: `--disable-log-stats` removes them"),
    Absent("no GPU exporter is read"),
    NO_EXPORTER,
    NEVER_READ,
    stale(Thresholds()),
    Absent("the pod refuses connections on its metrics port: check metrics.port and metrics.path"),
)


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("name", SignalName)
def test_there_is_always_something_to_say(engine: Engine, name: SignalName) -> None:
    for cause in CAUSES:
        said = remedy(engine, name, cause)
        assert said and not said.endswith(".") and len(said) < 320


@pytest.mark.parametrize("name", ENGINE_SIGNALS)
def test_what_is_never_exported_is_decided_by_something_else(name: SignalName) -> None:
    said = remedy(Engine.TGI, name, Absent("TGI does not export it", for_good=True))
    assert said.startswith("TGI never exports it; decided by ")


@pytest.mark.parametrize(
    ("engine", "name", "cause", "switch"),
    [
        (Engine.VLLM, "kv_usage", "no `vllm:` series on its metrics page: x", "--disable-log-stats"),
        (Engine.SGLANG, "kv_usage", "no `sglang:` series on its metrics page: x", "--enable-metrics"),
        (Engine.TENSORRT_LLM, "ttft_p95", "not on its metrics page: x", "return_perf_metrics"),
        (Engine.TENSORRT_LLM, "running", "not on its metrics page: x", "enable_iter_perf_stats"),
        (
            Engine.UNKNOWN,
            "running",
            "no engine's series on its metrics page (looked for `vllm:`)",
            "name it in spec.engine",
        ),
        (
            Engine.VLLM,
            "sm_active",
            "dcgm-exporter does not report it, or no usable value: x",
            "DCGM_FI_PROF_SM_ACTIVE",
        ),
        (Engine.VLLM, "gpu_busy", "no GPU exporter is read", "run a GPU exporter"),
        (Engine.VLLM, "gpu_busy", NO_EXPORTER.cause, "DCGM_EXPORTER_KUBERNETES=true"),
        (Engine.VLLM, "cpu_ratio", "nobody says", "metrics-server"),
        (Engine.VLLM, "ttft_p95", "not enough traffic: fewer than 20 observations in 5 min", "more requests"),
        (Engine.VLLM, "kv_usage", "the pod answers HTTP 404: check metrics.port", "spec.metrics.port"),
        (Engine.CUSTOM, "kv_usage", "not on its metrics page: x", "spec.signals.custom"),
    ],
)
def test_the_switch_is_named(engine: Engine, name: str, cause: str, switch: str) -> None:
    assert switch in remedy(engine, SignalName(name), Absent(cause))


@pytest.mark.parametrize("table", EXPORTERS, ids=lambda table: table.title)
def test_an_exporter_that_names_no_pod_says_how_it_would(table: ExporterTable) -> None:
    cause = Absent(f"{table.title} names no pod: {table.nameless}")
    signal = table.rows[0].signal
    assert table.nameless in remedy(Engine.VLLM, signal, cause)
