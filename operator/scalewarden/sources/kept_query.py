"""A PromQL query as a support bundle shows it: its operators, functions, numbers and names of series, and no text."""

import re
from collections.abc import Iterator
from typing import Any

from scalewarden.rules import gpu_metrics
from scalewarden.sources.kept_names import series_name
from scalewarden.sources.kept_values import NUMBER, REDACTED, Keeper
from scalewarden.sources.kept_words import listed

LONGEST = 8192
_TOKEN = re.compile(
    r"(?P<comment>#[^\n]*)"
    r"""|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"""|(?P<braces>\{(?:[^{}"'`]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)*\})"""
    r"|(?P<name>[a-zA-Z_][\w:./|]*)"
    r"|(?P<number>[0-9.][0-9a-zA-Z.]*)"
    r"|(?P<sign>[-+*/%^=!<>~@,(){}\[\]:])"
    r"|(?P<space>\s+)"
)
_DURATION = re.compile(r"(?:[0-9]{1,6}(?:ms|[smhdwy]))+")
_FUNCTIONS = listed(
    "sum avg min max count group quantile stddev stdvar topk bottomk limitk count_values scalar vector by without on "
    "ignoring group_left group_right or and unless bool offset default atan2 inf nan rate irate increase delta idelta "
    "deriv predict_linear avg_over_time min_over_time max_over_time sum_over_time count_over_time last_over_time "
    "quantile_over_time stddev_over_time present_over_time absent absent_over_time histogram_quantile histogram_avg "
    "label_replace label_join abs ceil floor round clamp clamp_min clamp_max exp ln log2 log10 sqrt sgn sort sort_desc "
    "time timestamp changes resets pod pod_name exported_pod kubernetes_pod_name instance"
)
"""And the labels that rules look for in a grouping."""


def query(value: Any, keeper: Keeper) -> str:
    """The skeleton of a query: what it aggregates, reads and calculates."""
    text = str(value)[:LONGEST]
    made = " ".join("".join(_pieces(text, keeper)).split())
    if "sum" in text and "sum" not in made:
        made += " # sum"  # one rule looks for the bare word
    return made or (REDACTED if text else "")


def _pieces(text: str, keeper: Keeper) -> Iterator[str]:
    """What each token of a query becomes; characters that are no token are left out."""
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "string":
                yield '""'
            case "braces":
                names = (str(series_name(name, keeper)) for name in gpu_metrics.quoted(token.group()))
                yield "{" + ",".join(f'__name__="{name}"' for name in names) + "}"
            case "name":
                yield _name(token.group(), keeper)
            case "number":
                number = token.group()
                yield number if NUMBER.fullmatch(number) or _DURATION.fullmatch(number) else "1"
            case "sign":
                yield token.group()
            case "space":
                yield " "


def _name(text: str, keeper: Keeper) -> str:
    return text if text.lower() in _FUNCTIONS else str(series_name(text, keeper))
