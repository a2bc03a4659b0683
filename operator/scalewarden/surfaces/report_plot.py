"""Plots as inline SVG without text: lines stretch with the page, words around them stay legible at any width.

A drawing is 1000 units wide and 100 high, stretched to its place; strokes keep their width. What is not known is a gap
in a line, never zero.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Values = Sequence[float | None]
WIDTH, HEIGHT = 1000.0, 100.0


@dataclass(frozen=True, slots=True)
class Frame:
    """shares: where each bucket begins on the time axis (0 to 1); width: of a bucket; top: value at the upper edge."""

    shares: Sequence[float]
    width: float
    top: float

    def x(self, share: float) -> float:
        """Units from the left."""
        return round(min(1.0, max(0.0, share)) * WIDTH, 1)

    def y(self, value: float) -> float:
        """Units from above."""
        return round(HEIGHT * (1.0 - min(1.0, max(0.0, value / self.top))), 1)


def line(frame: Frame, values: Values, kind: str) -> str:
    """A line through the middle of buckets; a point alone is a short dash."""
    paths = []
    for run in _runs(values):
        points = [(frame.x(frame.shares[i] + frame.width / 2), frame.y(values[i] or 0.0)) for i in run]
        if len(points) == 1:
            (x, y), half = points[0], frame.width * WIDTH / 2
            points = [(round(x - half, 1), y), (round(x + half, 1), y)]
        paths.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points))
    return _path("".join(paths), f"line {kind}")


def steps(frame: Frame, values: Values, kind: str) -> str:
    """A line of counts: level through each bucket, upright between two."""
    paths = []
    for run in _runs(values):
        left = frame.x(frame.shares[run[0]])
        text, before = f"M{left:g} {frame.y(values[run[0]] or 0.0):g}", values[run[0]]
        for i in run[1:]:
            if values[i] != before:
                text += f"H{frame.x(frame.shares[i]):g}V{frame.y(values[i] or 0.0):g}"
                before = values[i]
        paths.append(f"{text}H{frame.x(frame.shares[run[-1]] + frame.width):g}")
    return _path("".join(paths), f"line {kind}")


def band(frame: Frame, low: Values, high: Values, kind: str) -> str:
    """The area between two lines, where both are known."""
    both = [None if a is None or b is None else b for a, b in zip(low, high, strict=True)]
    paths = []
    for run in _runs(both):
        if len(run) > 1:
            xs = [frame.x(frame.shares[i] + frame.width / 2) for i in run]
            above = "L".join(f"{x:g} {frame.y(high[i] or 0.0):g}" for x, i in zip(xs, run, strict=True))
            below = "L".join(
                f"{x:g} {frame.y(low[i] or 0.0):g}" for x, i in zip(reversed(xs), reversed(run), strict=True)
            )
            paths.append(f"M{above}L{below}Z")
    return _path("".join(paths), f"band {kind}")


def area(frame: Frame, values: Values, kind: str) -> str:
    """From zero up, as steps: where something is forbidden."""
    paths = []
    for run in _runs([value or None for value in values]):
        text = f"M{frame.x(frame.shares[run[0]]):g} {HEIGHT:g}"
        for i in run:
            text += f"V{frame.y(values[i] or 0.0):g}H{frame.x(frame.shares[i] + frame.width):g}"
        paths.append(f"{text}V{HEIGHT:g}Z")
    return _path("".join(paths), f"band {kind}")


def level(frame: Frame, value: float, kind: str) -> str:
    """A line across."""
    y = frame.y(value)
    return f'<line class="{kind}" x1="0" y1="{y:g}" x2="1000" y2="{y:g}"/>'


def drawing(parts: Iterable[str], title: str) -> str:
    """The whole of one plot; title: for readers that do not see it."""
    return (
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{title}">{"".join(parts)}</svg>'
    )


def _path(data: str, kind: str) -> str:
    return f'<path class="{kind}" d="{data}"/>' if data else ""


def _runs(values: Values) -> Iterator[list[int]]:
    """Indices of known values that follow each other."""
    run: list[int] = []
    for index, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append(index)
    if run:
        yield run
