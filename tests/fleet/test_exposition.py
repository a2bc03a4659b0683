"""The rendered pages have the families, types and labels of real ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tools.fleet import DcgmStyle, FleetModel, FleetSpec
from tools.fleet.dcgm import Slot, dcgm_page
from tools.fleet.exposition import vllm_page
from tools.fleet.hardware import H100_3G_40GB
from tools.fleet.histogram import Histogram
from tools.fleet.model import Activity
from tools.fleet.replica import Replica

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"
HALF_BUSY = Activity(busy=1.0, gpu=0.5, dram=0.25, tensor=0.1, link_bytes=2e9, tokens=100.0)


def shape(page: str, prefix: str) -> dict[str, tuple[str, frozenset[frozenset[str]]]]:
    """Sample name → (type of its family, the sets of label names it comes with)."""
    found: dict[str, tuple[str, set[frozenset[str]]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name.startswith(prefix):
                _, labels = found.setdefault(sample.name, (family.type, set()))
                labels.add(frozenset(sample.labels))
    return {name: (kind, frozenset(labels)) for name, (kind, labels) in found.items()}


def buckets(page: str) -> dict[str, list[str]]:
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
    found: dict[str, list[str]] = {}
    for sample in samples:
        if sample.name.startswith("vllm:") and sample.name.endswith("_bucket"):
            found.setdefault(sample.name, []).append(sample.labels["le"])
    return found


@pytest.fixture(scope="module")
def replica() -> Replica:
    model = FleetModel(FleetSpec.kv_bound("a", 1, max_model_len=4096))
    model.add("r0")
    model.advance(120)
    return model.replicas["r0"]


@pytest.fixture(scope="module")
def recorded() -> str:
    newest = sorted((RECORDINGS / "kv-pressured" / "scrapes" / "svc-a").glob("*.prom.gz"))[-1]
    return gzip.decompress(newest.read_bytes()).decode()


def test_every_vllm_series_of_a_real_scrape_is_there_with_its_type_and_labels(replica: Replica, recorded: str) -> None:
    assert shape(vllm_page(replica, 1.0, 2.0), "vllm:") == shape(recorded, "vllm:")


def test_histograms_have_the_buckets_of_a_real_scrape(replica: Replica, recorded: str) -> None:
    assert buckets(vllm_page(replica, 1.0, 2.0)) == buckets(recorded)


def test_label_values_agree_where_they_do_not_depend_on_the_deployment(replica: Replica, recorded: str) -> None:
    def reasons(page: str) -> set[tuple[str, str, str]]:
        names = {"reason", "source", "finished_reason", "sleep_state"}
        samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
        return {(s.name, key, s.labels[key]) for s in samples for key in names & s.labels.keys()}

    assert reasons(vllm_page(replica, 1.0, 2.0)) == reasons(recorded)


def test_a_page_says_what_the_replica_is_doing(replica: Replica) -> None:
    page = vllm_page(replica, 1_700_000_000.0, 2.0)
    label = f'{{engine="0",model_name="{replica.spec.served_model}"}}'
    assert f"vllm:num_requests_running{label} {float(replica.gauges.running)}\n" in page
    assert f"vllm:generation_tokens_total{label} {float(replica.counters.generated_tokens)}\n" in page
    assert f'num_gpu_blocks="{replica.blocks + 1}"' in page
    assert "process_start_time_seconds 1.7e+09\n" in page


def test_v0_has_its_old_names_and_no_engine_label(replica: Replica) -> None:
    page = vllm_page(replica, 1.0, 2.0, engine="v0")
    names = shape(page, "vllm:")
    assert {"vllm:gpu_cache_usage_perc", "vllm:time_per_output_token_seconds_bucket"} <= names.keys()
    assert "vllm:kv_cache_usage_perc" not in names
    assert 'engine="' not in page


def test_dcgm_up_to_4_8_reports_percent_and_mebibytes() -> None:
    page = dcgm_page("gpu-1", "dcgm-x", [Slot(0, pod="chat-0", namespace="ns", used_share=0.5, activity=HALF_BUSY)])
    values = {s.name: s for family in text_string_to_metric_families(page) for s in family.samples}
    assert values["DCGM_FI_DEV_GPU_UTIL"].value == 50
    assert values["DCGM_FI_PROF_GR_ENGINE_ACTIVE"].value == 0.5
    assert values["DCGM_FI_DEV_FB_USED"].value == pytest.approx(81559 / 2, abs=1)
    assert values["DCGM_FI_DEV_GPU_UTIL"].labels.keys() == {
        *("gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname"),
        *("DCGM_FI_DRIVER_VERSION", "container", "namespace", "pod"),
    }


def test_dcgm_from_4_9_reports_ratios_and_bytes_under_new_names() -> None:
    style = DcgmStyle(spelling="4.9", workload_labels="exported_pod")
    slot = Slot(0, pod="chat-0", namespace="ns", used_share=0.5, activity=HALF_BUSY, style=style)
    values = {
        s.name: s for f in text_string_to_metric_families(dcgm_page("gpu-1", "dcgm-x", [slot])) for s in f.samples
    }
    assert values["DCGM_FI_DEV_GPU_UTIL_RATIO"].value == 0.5
    assert values["DCGM_FI_DEV_FB_CAPACITY_BYTES"].value == 81559 * 1024 * 1024
    assert values["DCGM_FI_DEV_NVLINK_THROUGHPUT_BYTES_PER_SECOND"].value == 2e9
    labels = values["DCGM_FI_PROF_DRAM_UTIL_RATIO"].labels
    assert (labels["exported_pod"], labels["DCGM_FI_SYSTEM_DRIVER_VERSION"] != "") == ("chat-0", True)
    assert not any(name.endswith("GPU_UTIL") for name in values)


def test_a_mig_instance_has_its_profile_and_no_kernel_utilization() -> None:
    slot = Slot(0, gpu=H100_3G_40GB, mig_profile="3g.40gb", instance=2, pod="chat-0", activity=HALF_BUSY)
    page = dcgm_page("gpu-1", "dcgm-x", [slot, Slot(1)])
    utilized = [line for line in page.splitlines() if line.startswith("DCGM_FI_DEV_GPU_UTIL{")]
    active = [line for line in page.splitlines() if line.startswith("DCGM_FI_PROF_GR_ENGINE_ACTIVE{")]
    assert ['gpu="1"' in line for line in utilized] == [True]
    assert 'GPU_I_PROFILE="3g.40gb",GPU_I_ID="2"' in active[0]
    assert "GPU_I_PROFILE" not in active[1]


def test_a_value_on_a_bound_counts_in_its_bucket() -> None:
    seen = Histogram((1, 2, 5))
    seen.observe(2, times=3)
    seen.observe(9)
    assert seen.buckets() == [("1.0", 0.0), ("2.0", 3.0), ("5.0", 3.0), ("+Inf", 4.0)]
    assert seen.total == 15
