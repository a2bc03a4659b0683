"""Durations and instants as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.duration import rfc3339, seconds, unix_seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("80ms", 0.08), ("2s", 2.0), ("10m", 600.0), ("6h", 21600.0), ("1h30m", 5400.0), ("1.5s", 1.5), ("0s", 0.0)],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "5d", "5M", "1e3s", ".5s", "1234567s", "5m\n", "5m,"])
def test_what_is_no_duration_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match='write one like "80ms"'):
        seconds(text)


def test_instants_need_their_zone() -> None:
    assert unix_seconds("2026-11-21T23:00:00Z") == unix_seconds("2026-11-22T00:00:00+01:00")
    with pytest.raises(ValueError, match="with its zone"):
        unix_seconds("2026-11-21T23:00:00")


@given(st.integers(min_value=0, max_value=4102444800))
def test_an_instant_survives_the_round_trip(at: int) -> None:
    assert unix_seconds(rfc3339(at)) == at
