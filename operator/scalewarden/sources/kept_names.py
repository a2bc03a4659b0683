"""Names of metrics, queries, triggers and paths as a support bundle shows them."""

import re
from collections.abc import Mapping
from typing import Any

from scalewarden.rules import gpu_metrics
from scalewarden.sources.kept_values import Keeper, word
from scalewarden.sources.kept_words import GPU_WORDS, LABEL_WORDS, LABELS, SERIES_WORDS, listed, pieces

_SERIES = re.compile(r"[A-Za-z0-9_:./|-]{1,200}")
_WORD = re.compile(r"([A-Za-z0-9]+)")
_SEPARATORS = re.compile(r"[^_:./|-]")
_LONGEST = 200
_LONGEST_SAID, _MOST_WORDS = 1024, 64
_SUFFIXES = ("_bucket", "_sum", "_count", "_total")
"""Endings that tell what a series is; one declared name may stand on the page under several."""
_PORT = re.compile(r"[0-9]{1,5}")
_PATHS = ("/metrics", "/metrics/", "/prometheus/metrics", "/prometheus", "/v1/metrics", "/actuator/prometheus", "/")
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"')
_NODE_LABELS = frozenset(
    f"nvidia.com/{name}"
    for name in ("gpu.product", "gpu.count", "gpu.memory", "mig.config", "mig.strategy", "mig.capable")
) | frozenset(f"{prefix}amd.com/gpu.{name}" for prefix in ("", "beta.") for name in ("product-name", "vram"))
_NODE_WORDS = listed("none single mixed all-disabled all-balanced true false")
_MIG_CONFIG = re.compile(r"all-(?:[0-9]c\.)?[0-9]g\.[0-9]{1,3}gb(?:\.me)?")
_SIZE = re.compile(r"[0-9]{1,6}(?:G|GB|GiB)?")
_PART = re.compile(r"[0-9]{3}-[A-Z][0-9]{5}-[0-9A-Z]{2}")  # as AMD has them: 102-G30211-0C
_PRODUCT = re.compile(r"[A-Z]{1,3}[0-9]{1,4}[A-Za-z]{0,2}|[0-9]{1,4}(?:GB|gb|g)?|[0-9]g\.[0-9]{1,3}gb|SHARED")
_SPACED = re.compile(r"[\s\-/_]+")
_TRIGGERS = (
    "prometheus", "cpu", "memory", "external", "external-push", "metrics-api", "cron", "datadog", "new-relic",
    "gcp-pubsub", "aws-cloudwatch", "azure-monitor", "kafka", "rabbitmq", "redis", "kubernetes-workload",
    "gcp-stackdriver",
)  # fmt: skip


def series_name(value: Any, keeper: Keeper) -> str | None:
    """A metric's name where each of its words is known; else an alias with those that are."""
    if not isinstance(value, str):
        return None
    words = pieces(value)
    if words and _SERIES.fullmatch(value) and all(_known(word) for word in words):
        return value
    keeper.removed["metric names"] += 1
    suffix = next((one for one in _SUFFIXES if value.endswith(one)), "")
    alias = keeper.alias("metric", value.removesuffix(suffix)).replace("~", "_")
    parts = _WORD.split(value[:_LONGEST])
    shown = "".join(_SEPARATORS.sub("", part) if index % 2 == 0 else _shown(part) for index, part in enumerate(parts))
    telling = gpu_metrics.phrase(value)
    lost = f"_{telling}" if telling and gpu_metrics.phrase(shown) is None else ""
    return f"{alias}{lost}_{shown}" if any(map(_known, words)) else f"{alias}{lost}"


def said(value: Any, keeper: Keeper) -> str | None:
    """What a trigger that reads no PromQL says it reads: its words, as names of series."""
    if not isinstance(value, str):
        return None
    words = gpu_metrics.words(value[:_LONGEST_SAID])[:_MOST_WORDS]
    return " ".join(str(series_name(word, keeper)) for word in words)


def _shown(word: str) -> str:
    return word if _known(word) else "x"


def _known(word: str) -> bool:
    return word.lower() in SERIES_WORDS or (word.isdecimal() and len(word) <= 4)


def trigger_type(value: Any, keeper: Keeper) -> str:
    """A kind of KEDA trigger."""
    return str(value) if value in _TRIGGERS else keeper.alias("trigger", str(value))


def metric_path(value: Any, keeper: Keeper) -> str | None:
    """A path that metrics are usually served at; where they are read matters no more once they are."""
    if not isinstance(value, str):
        return None
    return value if value in _PATHS else "/redacted"


def number_text(value: Any, keeper: Keeper) -> str | None:
    """A port number as text."""
    return value if isinstance(value, str) and _PORT.fullmatch(value) else None


def node_labels(value: Any, keeper: Keeper) -> dict[str, str] | None:
    """What feature discovery says of a node's GPUs."""
    if not isinstance(value, Mapping):
        return None
    read = {key: str(text) for key, text in value.items() if key in _NODE_LABELS}
    keeper.removed["labels"] += len(value) - len(read)
    return {key: _node_label(text, keeper) for key, text in read.items()}


def _node_label(text: str, keeper: Keeper) -> str:
    if text in _NODE_WORDS or _SIZE.fullmatch(text) or _MIG_CONFIG.fullmatch(text) or is_product(text):
        return text
    return keeper.alias("node label", text)


def is_product(text: str) -> bool:
    """True for the name of a GPU product: known words and the numbers of models, or a part's number."""
    if _PART.fullmatch(text):
        return True
    return all(piece in GPU_WORDS or _PRODUCT.fullmatch(piece) for piece in _SPACED.split(text))


def series_selector(value: Any, keeper: Keeper) -> str | None:
    """A series with the labels it must carry, as spec.signals.custom names it."""
    if not isinstance(value, str):
        return None
    name, brace, _ = value.partition("{")
    pairs = [(key, text) for key, text in _PAIR.findall(value) if key in LABELS]
    shown = ",".join(f'{key}="{word(text, LABEL_WORDS, key, keeper)}"' for key, text in pairs)
    return f"{series_name(name, keeper)}{{{shown}}}" if brace else series_name(name, keeper)
