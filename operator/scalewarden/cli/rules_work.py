"""The catalogue of rules and thresholds, or one rule in full, as text and as JSON."""

import json
import re
import sys
from difflib import get_close_matches
from textwrap import fill
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from scalewarden.cli.output import Format, console
from scalewarden.errors import BadInput
from scalewarden.model.thresholds import CATALOGUE, Threshold
from scalewarden.rules.catalogue import RULES
from scalewarden.rules.rule import Check, Rule


def tell(code: str | None, output: Format) -> None:
    """Print one rule, or all where none is named. Raises BadInput for a code that no rule has."""
    if output is Format.JSON:
        typer.echo(json.dumps(_as_json(code), indent=2, ensure_ascii=False))
    elif code is None:
        _list(console())
    else:
        _explain(*_find(code), console())


def _find(code: str) -> tuple[Rule, Check]:
    for rule, check in RULES:
        if code.upper() == rule.code or code.lower() == rule.name:
            return rule, check
    near = get_close_matches(code.upper(), [rule.code for rule, _ in RULES], n=1)
    hint = f"did you mean {near[0]}?" if near else "`scalewarden rules` lists the codes"
    raise BadInput(f"there is no rule {code!r}", hint=hint)


def _list(out: Console) -> None:
    rules_table = _table("rule", "name", "guards", "finds")
    for rule, _ in RULES:
        rules_table.add_row(rule.code, rule.name, ", ".join(rule.misinterpretations), rule.summary)
    out.print("Rules", style="bold")
    out.print(rules_table)
    out.print("\nThresholds, to be set in spec.policy.thresholds as decimal strings", style="bold")
    out.print(_thresholds(tuple(CATALOGUE.values())))


def _explain(rule: Rule, check: Check, out: Console) -> None:
    """The module's docstring is the documentation; the lines it uses follow with their numbers."""
    sections = _sections(sys.modules[check.__module__].__doc__ or "")
    for section in (*sections, f"Check instead: {rule.check_instead}", f"Remedy: {rule.remedy}"):
        out.print(fill(section, out.width, subsequent_indent="    "))
    if rule.thresholds:
        out.print()
        out.print(_sources(tuple(CATALOGUE[name] for name in rule.thresholds)))


def _sections(docstring: str) -> list[str]:
    """The sections of a rule's docstring, each in one line: an indented line continues the one above."""
    return re.sub(r"\n +", " ", docstring.strip()).split("\n")


def _thresholds(lines: tuple[Threshold, ...]) -> Table:
    table = _table("threshold", "default", "unit", "meaning")
    for line in lines:
        table.add_row(line.name, f"{line.default:g}", line.unit, line.meaning)
    return table


def _sources(lines: tuple[Threshold, ...]) -> Table:
    table = _table("threshold", "default", "unit", "source")
    for line in lines:
        table.add_row(line.name, f"{line.default:g}", line.unit, line.source)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=heading in {"rule", "name", "threshold"})
    return table


def _as_json(code: str | None) -> dict[str, Any]:
    chosen = [rule for rule, _ in RULES] if code is None else [_find(code)[0]]
    named = CATALOGUE if code is None else {name: CATALOGUE[name] for rule in chosen for name in rule.thresholds}
    return {
        "rules": [_rule_json(rule) for rule in chosen],
        "thresholds": [_threshold_json(line) for line in named.values()],
    }


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "misinterpretation": list(rule.misinterpretations),
        "summary": rule.summary,
        "reads": list(rule.reads),
        "thresholds": list(rule.thresholds),
        "checkInstead": rule.check_instead,
        "remedy": rule.remedy,
    }


def _threshold_json(line: Threshold) -> dict[str, Any]:
    return {
        "name": line.name,
        "default": line.default,
        "unit": line.unit,
        "meaning": line.meaning,
        "source": line.source,
    }
