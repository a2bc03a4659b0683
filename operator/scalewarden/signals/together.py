"""Readings of several parts of one thing as one reading."""

from collections.abc import Sequence

from scalewarden.model.signal import Absent, Point, Reading, Signal, Unit


def complete(parts: Sequence[Signal | None]) -> list[Reading] | Absent:
    """The readings of all ready replicas; Absent while one of them lacks its part."""
    readings = [part for part in parts if isinstance(part, Reading)]
    if not readings:
        return next((part for part in parts if isinstance(part, Absent)), Absent("no replica is ready"))
    return readings if len(readings) == len(parts) else Absent("not measured on every ready replica")


def joined(readings: Sequence[Reading], value: float, unit: Unit, series: tuple[Point, ...] = ()) -> Reading:
    """One reading with that value, as old as its oldest part and over the shortest window."""
    return Reading(
        value=value,
        unit=unit,
        at=min(reading.at for reading in readings),
        source=readings[0].source,
        window=min(reading.window for reading in readings),
        series=series,
    )
