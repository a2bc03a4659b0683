"""A stuck replica holds requests and makes no progress; anything less is not stuck, or cannot be told."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.model.signal import Absent
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.stuck import is_stuck
from tests import builders as build

SICK: dict[str, Any] = {"waiting": 3, "running": 2, "gen_tps": 0, "finish_rate": 0}
LATE_TOKENS = build.reading("gen_tps", 0, source="sglang:generation_tokens_total")
RATE_WITHOUT_SERIES = build.reading("gen_tps", 0)


@pytest.mark.parametrize(
    ("state", "stuck"),
    [
        pytest.param({}, True, id="requests wait and nothing moves"),
        pytest.param({"over": 50, "every": 5}, True, id="over a short span"),
        pytest.param({"waiting": [3, 3, 0, 3, 3, 3]}, False, id="the queue was empty once"),
        pytest.param({"gen_tps": [0, 0, 0, 0, 12, 0]}, False, id="tokens came"),
        pytest.param({"finish_rate": 0.1}, False, id="requests finished, tokens are counted elsewhere"),
        pytest.param({"gen_tps": [9] + [0] * 20}, True, id="tokens came, but five minutes ago"),
        pytest.param({"waiting": None}, None, id="the queue is not known"),
        pytest.param({"gen_tps": Absent("the scrape failed")}, None, id="tokens are not known"),
        pytest.param({"over": 30, "every": 5}, None, id="too little data"),
        pytest.param({"age": 300}, None, id="too old to speak of now"),
        pytest.param({"gen_tps": LATE_TOKENS}, None, id="tokens are counted at the end of a long answer"),
        pytest.param(
            {"gen_tps": LATE_TOKENS, "running": 0}, True, id="no answer is running that could still be counted"
        ),
        pytest.param({"gen_tps": [0, 0, 0]}, None, id="too few rates"),
    ],
)
def test_is_stuck(state: dict[str, Any], stuck: bool | None) -> None:
    assert is_stuck(build.replica(**{**SICK, **state}), build.AT, Thresholds()) is stuck


@pytest.mark.parametrize(("value", "window", "stuck"), [(0.0, 120.0, True), (0.0, 10.0, None), (4.0, 10.0, False)])
def test_a_rate_without_samples_speaks_for_its_window(value: float, window: float, stuck: bool | None) -> None:
    rate = replace(RATE_WITHOUT_SERIES, value=value, window=window, series=())
    assert is_stuck(build.replica(**{**SICK, "gen_tps": rate}), build.AT, Thresholds()) is stuck
