"""What must hold of any exporter's page: fractions stay fractions, order and repeats do not matter."""

import random
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.signal import Absent, Reading, Signal, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.gpus.devices import Reader, pod_signals
from scalewarden.signals.gpus.pages import UNITS, Holder, exported
from scalewarden.signals.gpus.table import ExporterTable
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Sample, Scrape

AT = 1_766_370_000.0
POD = Holder("n", "p")
IDENTITY: Mapping[str, Mapping[str, str]] = {
    "dcgm": {"UUID": "GPU-a", "namespace": "n", "pod": "p"},
    "amd": {"serial_number": "s", "gpu_partition_id": "0", "namespace": "n", "pod": "p"},
    "gaudi": {"UUID": "u", "pod_namespace": "n", "pod_name": "p"},
    "nvidia-smi": {"uuid": "a"},
    "triton": {"gpu_uuid": "GPU-a"},
}
SLICED: Mapping[str, Mapping[str, str]] = {
    "dcgm": {"GPU_I_ID": "9", "GPU_I_PROFILE": "1g.10gb"},
    "amd": {"gpu_compute_partition_type": "CPX"},
    "nvidia-smi": {"gpu_instance_id": "9"},
}
NUMBERS = st.one_of(st.floats(0, 2), st.floats(0, 110), st.floats(allow_nan=True, allow_infinity=True))


@st.composite
def windows(draw: st.DrawFn) -> tuple[ExporterTable, list[Scrape]]:
    """One to four pages of one exporter, with several rows a series."""
    table = draw(st.sampled_from(EXPORTERS))
    labels = dict(IDENTITY[table.kind])
    labels |= SLICED.get(table.kind, {}) if draw(st.booleans()) else {}
    labels |= {"DCGM_FI_SYSTEM_DRIVER_VERSION": "600"} if draw(st.booleans()) else {}
    names = draw(st.lists(st.sampled_from(sorted(table.names)), max_size=12, unique=True))
    scrapes = []
    for index in range(draw(st.integers(1, 4))):
        samples = []
        for name in names:
            samples.append(Sample(name, labels, draw(NUMBERS)))
            if draw(st.booleans()):
                samples.append(Sample(name, {**labels, "pid": "7"}, draw(NUMBERS)))
        scrapes.append(Scrape(AT - 15.0 * index, tuple(samples)))
    return table, scrapes


def read(scrapes: Sequence[Scrape]) -> list[Mapping[SignalName, Signal]]:
    """The signals of the pod and of its GPUs; the page is the pod's own, so that any exporter tells of it."""
    gpus = Reader(exported([], [(POD, Pages.of(scrapes, AT, 600))]), AT, Thresholds()).gpus(POD)
    return [pod_signals(gpus), *(gpu.signals for gpu in gpus)]


@given(windows())
def test_fractions_and_bytes_stay_what_they_are(drawn: tuple[ExporterTable, list[Scrape]]):
    for signals in read(drawn[1]):
        for name, signal in signals.items():
            if isinstance(signal, Absent):
                assert signal.cause
                continue
            wanted = UNITS.get(name, Unit.BYTES_PER_SECOND if name is SignalName.LINK_BPS else Unit.FRACTION)
            assert signal.unit is wanted
            values = [signal.value, *(point.value for point in signal.series)]
            assert all(value >= 0 for value in values)
            assert signal.unit is not Unit.FRACTION or all(value <= 1 + 1e-12 for value in values)


@given(windows(), st.integers())
def test_order_and_repeats_do_not_matter(drawn: tuple[ExporterTable, list[Scrape]], seed: int):
    _, scrapes = drawn
    dice = random.Random(seed)
    again = []
    for scrape in scrapes:
        samples = [Sample(one.name, dict(reversed(one.labels.items())), one.value) for one in scrape.samples]
        samples += dice.sample(samples, len(samples) // 2)
        dice.shuffle(samples)
        again.append(Scrape(scrape.at, tuple(samples)))
    dice.shuffle(again)
    for before, after in zip(read(scrapes), read(again), strict=True):
        assert before.keys() == after.keys()
        assert all(_alike(before[name], after[name]) for name in before)


def _alike(one: Signal, other: Signal) -> bool:
    """Equal, but for the last digit of a sum in another order."""
    if isinstance(one, Absent) or isinstance(other, Absent):
        return one == other
    close = abs(one.value - other.value) <= 1e-9 * max(1.0, abs(one.value))
    return close and (one.at, one.source, one.unit, len(one.series)) == (
        other.at, other.source, other.unit, len(other.series),
    )  # fmt: skip


@given(st.integers(0, 100), st.booleans())
def test_percent_and_ratio_of_one_gpu_agree(percent: int, newer: bool):
    """The same load in the old and the new spelling is the same number; where the page cannot tell, there is none."""
    labels = {**IDENTITY["dcgm"], **({"DCGM_FI_SYSTEM_DRIVER_VERSION": "600"} if newer else {})}
    old = Scrape(AT, (Sample("DCGM_FI_DEV_GPU_UTIL", labels, float(percent)),))
    new = Scrape(AT, (Sample("DCGM_FI_DEV_GPU_UTIL_RATIO", labels, percent / 100 if newer else float(percent)),))
    expected, found = (read([one])[0][SignalName.KERNEL_UTILIZATION] for one in (old, new))
    assert isinstance(expected, Reading)
    if isinstance(found, Absent):
        assert not newer and percent <= 1
    else:
        assert abs(found.value - expected.value) < 1e-12
