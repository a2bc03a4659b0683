"""What a service gave at a lower tensor-parallel size outlives the change to a higher one, and nothing else does."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.model.baseline import Bucket, Learned, LowerSize
from scalewarden.model.fingerprint import Fingerprint
from scalewarden.model.signal import Point
from scalewarden.model.thresholds import Thresholds
from scalewarden.surfaces.baseline import baseline_status, learned_of

AT = 1_766_370_000.0
FOUR = Fingerprint(engine="vLLM", image="vllm:v1", parallel=4, gpus=4, args="a", products=("H100",))
EIGHT = replace(FOUR, parallel=8, gpus=8, args="b")
SAMPLES = tuple(Point(AT - 100 + n, 2000.0 + n) for n in range(21))
BATCHES = (Bucket(8, AT, 9, 100, 1), Bucket(64, AT, 9, 500, 1, 900.0, 200.0))


def learned(made: Fingerprint = FOUR, **more: Any) -> Learned:
    return Learned(made, AT - 86400, saturated=SAMPLES, batches=BATCHES, **more)


def test_the_speed_of_a_gpu_at_the_lower_size_is_kept() -> None:
    found = learned().of(EIGHT, AT)
    assert found.lower == LowerSize(4, AT - 80, 502.5, 900.0, 200.0)
    assert found.saturated == () and found.batches == ()


def test_the_best_of_several_lower_sizes_is_kept() -> None:
    two = LowerSize(2, AT - 9e5, 700.0)
    assert learned(lower=two).of(EIGHT, AT).lower == two
    assert learned(lower=replace(two, tps=100.0)).of(EIGHT, AT).lower == LowerSize(4, AT - 80, 502.5, 900.0, 200.0)


@pytest.mark.parametrize(
    "now",
    [
        replace(EIGHT, image="vllm:v2"),
        replace(EIGHT, engine="SGLang"),
        replace(EIGHT, products=("B200",)),
        replace(EIGHT, parallel=None, args="c"),
        replace(FOUR, parallel=2, args="d"),
    ],
)
def test_nothing_is_kept_of_another_service_or_a_higher_size(now: Fingerprint) -> None:
    assert learned().of(now, AT).lower is None


@pytest.mark.parametrize(
    "before",
    [
        replace(learned(), saturated=()),
        replace(learned(), batches=()),
        learned(replace(FOUR, gpus=None)),
    ],
)
def test_nothing_is_kept_where_nothing_was_known(before: Learned) -> None:
    assert before.of(EIGHT, AT).lower is None


def test_it_survives_a_restart_and_bad_numbers_do_not() -> None:
    known = learned().of(EIGHT, AT)
    written = baseline_status(known, AT, Thresholds())
    assert learned_of(written, AT) == known
    assert written.lower is not None
    for bad in ({"at": int(AT) + 10}, {"tps": -1.0}, {"parallel": 0}):
        spoiled = written.model_copy(update={"lower": written.lower.model_copy(update=bad)})
        again = learned_of(spoiled, AT)
        assert again is not None and again.lower is None
