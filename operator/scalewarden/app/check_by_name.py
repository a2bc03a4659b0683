"""How loud an autoscaler may be judged whose target is not among the manifests."""

import re

from scalewarden.model.autoscaler import Autoscaler, MetricSource
from scalewarden.model.checked import Level
from scalewarden.model.workload import Engine
from scalewarden.rules.gpu_metrics import busy_time, framebuffer
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.manifests.serving import beside, speaks_of_one
from scalewarden.sources.tree import child

_ENGINES = {r"vllm": Engine.VLLM, r"sglang": Engine.SGLANG, r"\btgi|text-generation": Engine.TGI}
"""By the words that stand for them in names and series."""
COMPONENTS = "DynamoGraphDeploymentScalingAdapter"
"""Stands for one component of a Dynamo graph: a frontend, or workers that run an engine on GPUs."""
OF_COMPONENT = "; what the component runs is not among the manifests, and its name is not that of a frontend"
NO_TARGET = "; its target is not among the manifests that are read, so this goes by names alone"


def without_target(manifest: Manifest, one: Autoscaler) -> tuple[Level, str] | None:
    """The level and the doubt that goes with it: a note where names, labels or series speak of a language model. None
    where nothing does."""
    if one.target_kind == COMPONENTS:
        return None if beside(one.target_name) else (Level.WARNING, OF_COMPONENT)
    labels = child(manifest.value, "metadata", "labels")
    series = [metric.query or metric.name for metric in one.metrics if metric.source is not MetricSource.RESOURCE]
    on_gpu = any(busy_time(metric) or framebuffer(metric) for metric in one.metrics)
    said = speaks_of_one((one.target_name, manifest.name), labels.values(), series, on_gpu=on_gpu)
    return (Level.NOTE, NO_TARGET) if said else None


def engine_of(manifest: Manifest, one: Autoscaler) -> Engine:
    """The engine that names or series speak of; UNKNOWN where they speak of none, or of several."""
    said = " ".join((one.target_name, manifest.name, *(metric.query or metric.name for metric in one.metrics)))
    named = [engine for words, engine in _ENGINES.items() if re.search(words, said, re.IGNORECASE)]
    return named[0] if len(named) == 1 else Engine.UNKNOWN
