"""docs/reference/thresholds.md: every line that a number is held against, from model/thresholds.py."""

from collections.abc import Iterable
from pathlib import Path

from scalewarden.model.crd_thresholds import PAIRS
from scalewarden.model.signal import Unit
from scalewarden.model.thresholds import CATALOGUE, Threshold
from scalewarden.rules.catalogue import RULES
from tools.docs.markdown import code, page, table

_INTRODUCTION = """\
A threshold is a line with a name, a unit and a source. "ours" marks a default without an outside source. Every line
can be moved for one service, in `spec.policy.thresholds`, as a decimal in quotes. Fractions are written 0–1: `"0.75"`
is 75 %."""

_EXAMPLE = """\
```yaml
apiVersion: scalewarden.dev/v1alpha1
kind: InferenceDeployment
metadata: {name: llama-70b, namespace: serving}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: llama-70b}
  policy:
    thresholds:
      kvUsageAllow: "0.75"
      kvUsageDeny: "0.85"
```

The API server refuses a name that is not in the table, a text that is not a decimal, a fraction above 2, and an Allow
line above its Deny line."""

_PAIRED = """\
## Lines of the tests

Up to the Allow line a removal passes the test, from the Deny line on it fails, between the two it is held. Latency is
the exception: an objective that is just met is not missed, so that test fails only *above* its Deny line. Values are
rounded to four decimals first. [What each test computes](../concepts/the-what-if.md)."""

_OTHERS = """\
## All lines

The last column names the rules that use the line; the others are used by the what-if, by freshness and by time."""


def render() -> dict[Path, str]:
    """The page by its path."""
    text = page("Thresholds", _INTRODUCTION, _EXAMPLE, _PAIRED, _pairs(), _OTHERS, _all(CATALOGUE.values()))
    return {Path("docs/reference/thresholds.md"): text}


def _pairs() -> str:
    rows = [(f"`{pair}Allow`", _line(f"{pair}Allow"), f"`{pair}Deny`", _line(f"{pair}Deny")) for pair in PAIRS]
    return table(("Allow up to", "default", "Deny from", "default"), rows)


def _line(name: str) -> str:
    return amount(CATALOGUE[name].default, CATALOGUE[name].unit)


def _all(lines: Iterable[Threshold]) -> str:
    rows = [
        (code(one.name), amount(one.default, one.unit), one.meaning, one.source, ", ".join(_used_by(one.name)))
        for one in lines
    ]
    return table(("name", "default", "meaning", "source", "rules"), rows)


def amount(value: float, unit: Unit) -> str:
    """A default with its unit: fractions and counts stand alone."""
    return f"{value:g}" if unit in (Unit.FRACTION, Unit.COUNT) else f"{value:g} {unit}"


def _used_by(name: str) -> list[str]:
    return [rule.code for rule, _ in RULES if name in rule.thresholds]
