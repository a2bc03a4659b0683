"""Tokens/s by GPU held, and by the part of a whole GPU that is held."""

import pytest

from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName, Unit
from scalewarden.model.workload import Gpu, Workload
from scalewarden.signals.gpus.mig import share_of
from scalewarden.signals.gpus.per_gpu import NO_COUNT, NO_SHARE, by_gpu, per_full_gpu, per_gpu

AT = 1_766_370_000.0
MADE = Reading(800.0, Unit.TOKENS_PER_SECOND, AT, "vllm:generation_tokens_total", 120.0, (Point(AT, 800.0),))
SLICE = Gpu("GPU-a", "1g.10gb", "9", share=share_of("NVIDIA H100 80GB HBM3", "1g.10gb"))
MODEL = "NVIDIA H100 80GB HBM3"


def reading(signal: Signal) -> Reading:
    assert isinstance(signal, Reading), signal
    return signal


def test_by_devices_held():
    found = reading(per_gpu(MADE, [Gpu("a"), Gpu("b"), Gpu("c"), Gpu("d")], 8))
    assert (found.value, found.unit, found.at, found.window) == (200.0, Unit.TOKENS_PER_SECOND, AT, 120.0)
    assert found.series == (Point(AT, 200.0),)
    assert found.source == "vllm:generation_tokens_total ÷ 4 GPUs or slices"


def test_by_the_pod_templates_count_where_no_device_is_known():
    assert reading(per_gpu(MADE, [], 2)).value == 400.0
    assert per_gpu(MADE, [], None) is per_gpu(MADE, [], 0) is NO_COUNT


def test_what_was_not_generated_is_not_divided():
    gone = Absent("only one scrape: a rate needs two")
    assert per_gpu(gone, [Gpu("a")]) is gone
    assert per_full_gpu(gone, [SLICE.share]) is gone


def test_a_slice_is_an_eighth_by_memory_and_the_source_gives_the_other_figure():
    found = reading(per_full_gpu(MADE, [SLICE.share]))
    assert found.value == 6400.0
    assert found.source == (
        "vllm:generation_tokens_total ÷ 0.125 GPUs by memory (6600 tokens/s by multiprocessors), "
        "H100 SXM: by the profile"
    )


def test_whole_gpus_count_one_each():
    assert reading(per_full_gpu(MADE, [Gpu("a").share, Gpu("b").share])).value == 400.0


@pytest.mark.parametrize("shares", [[], [None], [SLICE.share, None]])
def test_a_part_of_unknown_size_is_no_part(shares: list):
    assert per_full_gpu(MADE, shares) is NO_SHARE


def test_replicas_together():
    found = by_gpu(MADE, [[Gpu("a")], [SLICE]], Workload())
    assert reading(found[SignalName.GEN_TPS_PER_GPU]).value == 400.0
    assert reading(found[SignalName.GEN_TPS_PER_FULL_GPU]).value == pytest.approx(800 / 1.125)


def test_without_devices_the_pod_template_speaks():
    whole = by_gpu(MADE, [[], []], Workload(gpus_per_replica=2, gpu_resource="nvidia.com/gpu"))
    assert reading(whole[SignalName.GEN_TPS_PER_GPU]).value == 200.0
    assert whole[SignalName.GEN_TPS_PER_FULL_GPU] is NO_SHARE  # under the single strategy a "GPU" may be a slice
    cut = by_gpu(MADE, [[]], Workload(gpus_per_replica=1, mig_profile="3g.40gb"))
    assert reading(cut[SignalName.GEN_TPS_PER_FULL_GPU]).value == 1600.0


def test_one_replica_whose_devices_are_not_known_makes_the_count_the_templates():
    found = by_gpu(MADE, [[Gpu("a")], []], Workload(gpus_per_replica=2))
    assert reading(found[SignalName.GEN_TPS_PER_GPU]).value == 200.0
    assert by_gpu(MADE, [[Gpu("a")], []], Workload())[SignalName.GEN_TPS_PER_GPU] is NO_COUNT
