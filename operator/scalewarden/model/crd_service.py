"""The parts of an InferenceDeployment's spec that describe the service: metrics, signals, topology, promises."""

import re
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from scalewarden.model.crd_fields import (
    DECIMAL,
    Count,
    HttpPath,
    MigProfile,
    ObjectiveDuration,
    Port,
    PositiveDecimal,
    Window,
    matches,
)
from scalewarden.model.duration import seconds
from scalewarden.model.policy import Objectives
from scalewarden.model.schema_constraint import ApiModel, Constraint
from scalewarden.model.signal import ENGINE_SIGNALS
from scalewarden.model.workload import Engine, Routing

AUTO: Final = "Auto"


SELECTOR = r'^[a-zA-Z_:][a-zA-Z0-9_:]*([{]([a-zA-Z_][a-zA-Z0-9_]*="[^"{}\\]*",?)*[}])?$'
_SERIES_HELP = 'write a series like engine_queue or engine_tokens_total{mode="decode"}'


_SCALE = Constraint(
    f"self.matches('{DECIMAL}') && double(self) > 0.0".replace("\\", "\\\\"),
    'write a factor above 0 as a decimal string, like "0.01"',
    lambda text: re.fullmatch(DECIMAL, text) is not None and float(text) > 0,
)


class SourceChoice(StrEnum):
    """Where engine metrics are read: Auto takes Prometheus when the operator has one, else scrapes the pods."""

    AUTO = AUTO
    PROMETHEUS = "Prometheus"
    SCRAPE = "Scrape"


class Interconnect(StrEnum):
    """How the GPUs of one replica reach each other."""

    AUTO = AUTO
    NVLINK = "NVLink"
    PCIE = "PCIe"


EngineChoice = Literal[
    Engine.AUTO,
    Engine.VLLM,
    Engine.SGLANG,
    Engine.TGI,
    Engine.TENSORRT_LLM,
    Engine.TRITON,
    Engine.LMDEPLOY,
    Engine.NIM,
    Engine.RAY_SERVE,
    Engine.DYNAMO,
    Engine.LLAMA_CPP,
    Engine.OLLAMA,
    Engine.CUSTOM,
]
RoutingChoice = Literal["Auto", Routing.EVEN, Routing.STICKY]


class Metrics(ApiModel):
    """Where a replica answers its metrics page; detected from the pod where left out."""

    port: Port | None = Field(None, description="Number or name of the container port.")
    path: HttpPath | None = Field(None, description="Path of the page, /metrics where nothing else is known.")


# A literal type is spelled out, or it cannot be checked: a test holds it against the list it is made from.
CustomName = Literal[ENGINE_SIGNALS]  # type: ignore[valid-type]


class CustomSignal(ApiModel):
    """One canonical signal of an engine that Scalewarden does not know, read by PromQL or from a series."""

    signal: CustomName = Field(description="Canonical name of the signal.")
    promql: Annotated[str, Field(max_length=1024)] | None = Field(
        None, description="Query that gives one value a pod, by the label `pod`."
    )
    series: Annotated[str, Field(max_length=256), matches(SELECTOR, _SERIES_HELP)] | None = Field(
        None, description='Name of the series on the replica\'s metrics page, with labels as in name{mode="decode"}.'
    )
    scale: Annotated[str, Field(max_length=16), _SCALE] | None = Field(
        None, description="What makes the signal's unit of the series' values, like \"0.01\" for percent."
    )

    constraints = (
        Constraint(
            "has(self.promql) != has(self.series)",
            "give either promql or series for a custom signal, not both and not neither",
            lambda custom: (custom.promql is None) != (custom.series is None),
        ),
    )


class Signals(ApiModel):
    """How signals are read."""

    source: SourceChoice = Field(SourceChoice.AUTO, description="Auto prefers the operator's Prometheus.")
    window: Window = Field("10m", description="Span over which peaks are judged.")
    custom: Annotated[tuple[CustomSignal, ...], Field(max_length=32)] = Field(
        (),
        description="For engine Custom: canonical signals and where they come from.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["signal"]},
    )

    constraints = (
        Constraint(
            "self.source != 'Scrape' || !has(self.custom) || self.custom.all(c, !has(c.promql))",
            "promql needs a Prometheus: with source Scrape give a series instead",
            lambda signals: signals.source != SourceChoice.SCRAPE or all(c.promql is None for c in signals.custom),
        ),
    )


class Topology(ApiModel):
    """How one replica is spread over GPUs; detected from the pod template where left out."""

    gpus_per_replica: Count | None = Field(None, alias="gpusPerReplica", description="GPUs that one replica holds.")
    tensor_parallel_size: Count | None = Field(None, description="GPUs that one copy of the weights is split over.")
    interconnect: Interconnect = Field(Interconnect.AUTO, description="Link between the GPUs of a replica.")
    mig_profile: MigProfile = Field(AUTO, description="MIG profile of the slices, None for whole GPUs.")


class P95(ApiModel):
    """An objective on the 95th percentile."""

    p95: ObjectiveDuration = Field(description="The promised latency, like 80ms or 2s.")


class P99(ApiModel):
    """An objective on the 99th percentile."""

    p99: ObjectiveDuration = Field(description="The promised latency, like 30s.")


class LatencyObjectives(ApiModel):
    """Latencies that the service promises; each optional."""

    time_to_first_token: P95 | None = Field(None, description="Until the first token (TTFT).")
    inter_token_latency: P95 | None = Field(None, description="Between two tokens (ITL).")
    end_to_end_latency: P99 | None = Field(None, description="Of a whole request.")

    def to_objectives(self) -> Objectives:
        """In seconds, None where nothing is promised."""
        ttft, itl, e2e = self.time_to_first_token, self.inter_token_latency, self.end_to_end_latency
        return Objectives(
            ttft_p95=seconds(ttft.p95) if ttft else None,
            itl_p95=seconds(itl.p95) if itl else None,
            e2e_p99=seconds(e2e.p99) if e2e else None,
        )


class Baseline(ApiModel):
    """What one GPU or replica can do, where it is known; learned otherwise."""

    tokens_per_second_per_gpu: PositiveDecimal | None = Field(
        None, alias="tokensPerSecondPerGPU", description="Generated tokens/s that one GPU sustains."
    )
    max_num_seqs: Count | None = Field(None, description="Batch limit of one replica, in sequences.")
    kv_capacity_tokens: Count | None = Field(None, description="KV cache of one replica, in tokens.")

    def sustainable_tps(self, gpus_per_replica: int | None) -> float | None:
        """Tokens/s that one replica sustains, None where not declared or its number of GPUs is unknown."""
        if self.tokens_per_second_per_gpu is None or gpus_per_replica is None:
            return None
        return float(self.tokens_per_second_per_gpu) * gpus_per_replica
