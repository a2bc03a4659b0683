"""docs/reference/rules.md and a page a rule: from each rule's docstring, its RULE and its first firing case."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from scalewarden.model.finding import Misinterpretation
from scalewarden.model.thresholds import CATALOGUE
from scalewarden.rules.catalogue import RULES
from scalewarden.rules.rule import Check, Rule
from tools.docs.files import ROOT, main
from tools.docs.markdown import code, page, table
from tools.docs.thresholds import amount

FOLDER = Path("docs/reference/rules")
CASES = ROOT / "tests" / "rules"

FAMILIES: Mapping[str, str] = {
    "SIG": "Signals: may the numbers be trusted?",
    "UTL": "Utilization: what does it mean here?",
    "KVC": "KV cache: the memory that bounds LLM inference",
    "THR": "Throughput: queues and batches",
    "TOP": "Topology: tensor parallelism, interconnect, slices",
    "SCL": "Scale-down: what a removal would do",
    "ASC": "Autoscalers: do they read something that follows load?",
}

MISREADINGS: Mapping[Misinterpretation, str] = {
    Misinterpretation.LOW_UTILIZATION_IS_WASTE: "low GPU utilization means wasted capacity",
    Misinterpretation.HIGH_UTILIZATION_IS_GOOD: "high utilization means good performance",
    Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN: "we should scale down if utilization is low",
    Misinterpretation.CPU_AUTOSCALING_HELPS: "CPU autoscaling will fix low GPU utilization",
    Misinterpretation.MIG_UTILIZATION_IS_CAPACITY: "GPU utilization looks fine, so capacity is fine (with MIG)",
}

_INTRODUCTION = """\
A rule answers Fired, Clear or Unknown about one service, with evidence; what is not known is never taken for good. It
explains and never decides: the [verdict](reasons.md) is made by the tests of the what-if. A code is never used again
for something else.

A duration is judged over the last part of the data that ends at the newest sample. Where there is less data than asked
for, from 45 s and four samples on, the message says so (`judged over 50 s of 600 s`); below that the answer is Unknown
unless what is there already proves the rule. Replicas that are stuck (requests wait, no token and no completion comes)
feed no rule about load, but their requests still count against idleness and against scaling to zero.

M1–M5 are the misreadings that a rule guards against:"""


def render() -> dict[Path, str]:
    """All pages by path."""
    pages = {FOLDER / f"{rule.code}.md": _page(rule, check) for rule, check in RULES}
    return {FOLDER.parent / "rules.md": _index(), **pages}


def sections(check: Check) -> dict[str, str]:
    """The docstring of a rule's module by section, each unwrapped into one paragraph."""
    text = sys.modules[check.__module__].__doc__ or ""
    found = re.findall(r"^([A-Z][a-z ]+): (.*(?:\n    .*)*)", text, re.MULTILINE)
    return {name: " ".join(body.split()) for name, body in found}


def _index() -> str:
    misreadings = table(("", "misreading"), [(one.value, text) for one, text in MISREADINGS.items()])
    families = [part for family in FAMILIES for part in _family(family)]
    return page("Rules", _INTRODUCTION, misreadings, *families)


def _family(family: str) -> tuple[str, ...]:
    rows = [
        (f"[{rule.code}](rules/{rule.code}.md)", rule.name, ", ".join(rule.misinterpretations), rule.summary)
        for rule, _ in RULES
        if rule.code.startswith(family)
    ]
    return (f"## {FAMILIES[family]}", table(("rule", "name", "guards", "says"), rows)) if rows else ()


def _page(rule: Rule, check: Check) -> str:
    told = sections(check)
    return page(
        f"{rule.code} {rule.name}",
        f"{rule.summary} Severity {_severities(rule, check)}.{_guards(rule)}",
        f"## What it means\n\n{_sentence(told['Finds'])}",
        f"## Why the obvious reading is wrong\n\n{_sentence(told['Why'])}",
        f"## What to check instead\n\n{_sentence(rule.check_instead)}",
        f"## What to do\n\n{rule.remedy}",
        f"## When it answers what\n\n{_answers(told)}",
        f"## Example\n\n```text\n{rule.code} {_example(check)}\n```",
        *_thresholds(rule),
        f"## Reads\n\n{_sentence(told['Reads'])}",
        f"## References\n\n{_sentence(told['References'])}",
    )


def _severities(rule: Rule, check: Check) -> str:
    """The rule's own, and those that its cases show besides."""
    shown = {case["expect"]["severity"] for case in _cases(check)} - {rule.severity.value}
    return " or ".join([rule.severity.value, *sorted(shown)])


def _guards(rule: Rule) -> str:
    said = [f'{one.value}, "{MISREADINGS[one]}"' for one in rule.misinterpretations]
    return f" Guards against {'; '.join(said)}." if said else ""


def _answers(told: Mapping[str, str]) -> str:
    names = ("Fires when", "Clear when", "Unknown when")
    return table(("answer", "when"), [(name.removesuffix(" when"), told[name]) for name in names])


def _thresholds(rule: Rule) -> tuple[str, ...]:
    lines = [CATALOGUE[name] for name in rule.thresholds]
    rows = [(code(one.name), amount(one.default, one.unit), one.meaning, one.source) for one in lines]
    return ("## Thresholds", table(("name", "default", "meaning", "source"), rows)) if rows else ()


def _example(check: Check) -> str:
    """The message of the first case in which the rule fires; the tests hold it to the code."""
    return str(_cases(check)[0]["expect"]["message"])


def _cases(check: Check) -> list[dict[str, dict[str, str]]]:
    family, module = check.__module__.split(".")[-2:]
    cases: list[dict[str, dict[str, str]]] = yaml.safe_load(
        (CASES / family / module / "fires.yaml").read_text(encoding="utf-8")
    )
    return cases


def _sentence(text: str) -> str:
    """With a capital, unless it begins with the name of a signal or a product, and one period."""
    named = not text.split()[0].rstrip(",").isalpha()
    return (text if named else text[0].upper() + text[1:]).removesuffix(".") + "."


if __name__ == "__main__":
    sys.exit(main("tools.docs.rules", render))
