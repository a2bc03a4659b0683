"""`status.baseline` of an InferenceDeployment: what was learned, rounded, so that a new operator goes on from there.

Numbers are loosely bounded here: an operator must be able to write whatever it learned. Instants inside lists are
whole unix seconds, which take a third of the room of RFC 3339.
"""

from typing import Annotated

from pydantic import Field

from scalewarden.model.schema_constraint import StatusModel

UnixSeconds = Annotated[int, Field(json_schema_extra={"format": "int64"})]


class FingerprintStatus(StatusModel):
    """How the service was made when this was learned."""

    target: str | None = Field(None, description="The target as resource and name.")
    engine: str | None = Field(None, description="The serving engine.")
    image: str | None = Field(None, description="Image with its tag or digest.")
    args: str | None = Field(None, description="Digest of the command line.")
    parallel: int | None = Field(None, description="Tensor-parallel size.")
    max_num_seqs: int | None = Field(None, description="Batch limit of one replica, in sequences.")
    gpu_memory: float | None = Field(None, description="Share of GPU memory that the engine takes.")
    gpus: int | None = Field(None, description="GPUs of one replica.")
    mig_profile: str | None = Field(None, description="MIG profile of its slices.")
    objectives: str | None = Field(None, description="Declared latencies in seconds.")
    products: tuple[str, ...] = Field((), description="GPU products.")
    reset: str | None = Field(None, description="Value of the annotation that had everything forgotten.")


class SaturatedStatus(StatusModel):
    """Samples of a replica while requests waited throughout, oldest first."""

    at: tuple[UnixSeconds, ...] = Field((), description="When each was taken, in unix seconds.")
    tps: tuple[float, ...] = Field((), description="Generated tokens/s of one replica.")


class CalmStatus(StatusModel):
    """The highest speed of one day while no request waited."""

    at: UnixSeconds = Field(description="When it was seen, in unix seconds.")
    tps: float = Field(description="Generated tokens/s of one replica.")


class LineStatus(StatusModel):
    """Inter-token latency (ITL) over running requests, as moments of a least-squares line."""

    at: UnixSeconds = Field(description="Newest point, in unix seconds.")
    points: float = Field(description="Points behind it; older ones count less.")
    running: float = Field(description="Mean of running requests per replica.")
    itl: float = Field(description="Mean ITL in seconds.")
    var_running: float = Field(description="Variance of running requests.")
    var_itl: float = Field(description="Variance of ITL in s².")
    cov: float = Field(description="Their covariance: divided by varRunning it is the slope in s per request.")
    low: float = Field(description="Smallest batch that is remembered, in requests.")
    high: float = Field(description="Largest batch that is remembered, in requests.")


class BucketStatus(StatusModel):
    """Tokens/s per GPU at about so many running requests per replica."""

    running: int = Field(description="Running requests per replica: the nearest power of two.")
    at: UnixSeconds = Field(description="Newest sample, in unix seconds.")
    points: float = Field(description="Samples behind it; older ones count less.")
    tps: float = Field(description="Mean of generated tokens/s per GPU or slice.")
    deviation: float = Field(description="Its standard deviation in tokens/s.")
    input: float | None = Field(None, description="Mean input tokens of a request at the time.")
    output: float | None = Field(None, description="Mean output tokens of a request at the time.")


class ColdStartStatus(StatusModel):
    """How long one replica took to serve."""

    created_at: UnixSeconds = Field(description="When its pod was created, in unix seconds.")
    seconds: float = Field(description="Seconds from then until it was ready.")
    pod: str | None = Field(None, description="Name of the pod.")


class LowerSizeStatus(StatusModel):
    """What a full replica gave at a lower tensor-parallel size."""

    parallel: int = Field(description="That tensor-parallel size.")
    at: UnixSeconds = Field(description="Newest sample, in unix seconds.")
    tps: float = Field(description="Generated tokens/s per GPU while requests waited.")
    input: float | None = Field(None, description="Mean input tokens of a request at the time.")
    output: float | None = Field(None, description="Mean output tokens of a request at the time.")


class BaselineStatus(StatusModel):
    """What was learned of the service from its own past."""

    sustainable_tokens_per_second: float | None = Field(
        None, description="Tokens/s that one replica sustains, as learned; absent until there are enough samples."
    )
    since: UnixSeconds = Field(description="When learning began, in unix seconds.")
    updated: UnixSeconds | None = Field(None, description="When samples were last taken, in unix seconds.")
    changed_at: UnixSeconds | None = Field(None, description="When the service was last made otherwise.")
    fingerprint: FingerprintStatus | None = Field(None, description="How the service was made at the time.")
    saturated: SaturatedStatus | None = Field(None, description="Speed while requests waited throughout.")
    calm: tuple[CalmStatus, ...] = Field((), description="Highest speed of each day while none waited.")
    itl: LineStatus | None = Field(None, description="Inter-token latency over running requests.")
    batches: tuple[BucketStatus, ...] = Field((), description="Tokens/s per GPU by running requests.")
    cold_starts: tuple[ColdStartStatus, ...] = Field((), description="The newest starts of replicas.")
    lower: LowerSizeStatus | None = Field(None, description="Speed at a lower tensor-parallel size, if there was one.")
