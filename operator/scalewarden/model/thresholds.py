"""Every line that a number is held against: its default, unit and source, overridable by name.

An override comes from `spec.policy.thresholds` as a decimal string. "ours" marks a default without an outside
source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scalewarden.errors import BadObject
from scalewarden.model.signal import Unit


@dataclass(frozen=True, slots=True)
class Threshold:
    """A named line: default in `unit`, what it means, and where the number comes from."""

    name: str
    default: float
    unit: Unit
    meaning: str
    source: str


def _define(*rows: tuple[str, float, Unit, str, str]) -> dict[str, Threshold]:
    return {row[0]: Threshold(*row) for row in rows}


_F, _R, _S, _C = Unit.FRACTION, Unit.REQUESTS, Unit.SECONDS, Unit.COUNT
_WVA = "llm-d Workload Variant Autoscaler"

CATALOGUE: Mapping[str, Threshold] = _define(
    ("kvUsageAllow", 0.70, _F, "predicted KV usage of the worst survivor up to which a removal is safe",
     f"{_WVA}: N-1 limit 0.70; theirs is an average, ours a window maximum"),
    ("kvUsageDeny", 0.80, _F, "predicted or measured KV usage from which the cache is under pressure",
     f"{_WVA} and Gateway API inference extension: saturated at 0.8"),
    ("kvUsageSpike", 0.95, _F, "KV usage that counts as pressure in a single sample",
     "vLLM preempts at about 1.0; a saturated server was seen between 0.88 and 1.0"),
    ("kvMeanRising", 0.70, _F, "window mean of KV usage that counts as pressure while it rises",
     f"{_WVA}: N-1 limit 0.70"),
    ("kvUsageFull", 0.90, _F, "KV usage that a trend must not reach before a replacement would be ready",
     "a saturated vLLM was seen between 0.88 and 1.0"),
    ("sliceRequests", 4.0, _R, "requests of mean size that the KV cache of a MIG slice should hold at least", "ours"),
    ("kvReleaseBand", 0.05, _F, "after a Deny, how far below kvUsageAllow the prediction must fall", "ours"),
    ("kvRising", 0.05, _F, "rise of KV usage over the window that counts as rising", "ours"),
    ("risingSpan", 300.0, _S, "least data for a slope to count", "ours; a plain slope refused safe removals"),
    ("autoscalerBounce", 0.9, _F, "share of the autoscaler's own KV trigger that the mean may reach",
     "ours: above it the autoscaler would add the replica back"),
    ("waitingPerReplicaAllow", 2.0, _R, "waiting requests per survivor up to which a removal is safe",
     f"{_WVA}: spare queue 3"),
    ("waitingPerReplicaDeny", 5.0, _R, "waiting requests per survivor from which it is refused",
     "Gateway API inference extension: saturated at queue 5"),
    ("waitingMeanSpan", 60.0, _S, "span of the mean of all waiting requests", "ours"),
    ("waitingNeverZero", 120.0, _S, "how long a queue must not have been empty to count as standing", "ours"),
    ("waitingNeverZeroMean", 2.0, _R, "mean of a standing queue from which it refuses a removal", "ours"),
    ("waitingRising", 1.0, _R, "rise of waiting requests over the window that counts as rising",
     "ours: less is one request coming and going"),
    ("concurrencyAllow", 0.70, _F, "share of the batch limit up to which a removal is safe",
     f"{_WVA} 0.70; Ray Serve runs at 67-83 % of its limit"),
    ("concurrencyDeny", 0.85, _F, "share of the batch limit from which it is refused", f"{_WVA} 0.85"),
    ("throughputAllow", 0.70, _F, "share of sustainable tokens/s up to which a removal is safe", f"{_WVA} V2 0.70"),
    ("throughputDeny", 0.85, _F, "share of sustainable tokens/s from which it is refused", f"{_WVA} V2 0.85"),
    ("latencyAllow", 0.8, _F, "share of a latency objective up to which a removal is safe",
     "Dynamo planner: sensitivity 80 %"),
    ("latencyDeny", 1.0, _F, "share of a latency objective above which it is refused", "the declared objective"),
    ("latencyObservations", 20.0, _C, "least observations behind a quantile or mean", "ours"),
    ("latencySpan", 300.0, _S, "span of latency quantiles", "metric catalogue: histograms over 5 min"),
    ("preemptions", 0.0, _C, "preemptions in the window above which a removal is refused",
     "vLLM: a preemption storm doubles ITL p99"),
    ("pressureWindow", 600.0, _S, "span of KV, preemption and idleness rules", "metric catalogue: peaks over 10 min"),
    ("freshSeconds", 60.0, _S, "age up to which a sample is fresh, at least", "ours"),
    ("freshIntervals", 2.5, _C, "scrape intervals up to which a sample is fresh", "ours: one lost scrape is tolerated"),
    ("freshMaximum", 150.0, _S, "age up to which a sample is fresh, at most", "ours"),
    ("absentSeconds", 300.0, _S, "age from which a sample is absent", f"{_WVA}: freshness"),
    ("shortSpan", 45.0, _S, "least data that a longer duration may be judged on", "ours; confidence is Low then"),
    ("shortSamples", 4.0, _C, "least samples that a longer duration may be judged on", "ours"),
    ("coldStart", 300.0, _S, "time for a replacement to become ready, until measured",
     "published vLLM cold starts: 81-392 s"),
    ("dwell", 300.0, _S, "no removal this long after a replica became ready (or the cold start, if longer)",
     "HPA's default scale-down stabilization: 300 s"),
    ("terminationGrace", 30.0, _S, "time a pod has to finish its requests where the pod template does not say",
     "Kubernetes: default of terminationGracePeriodSeconds"),
    ("afterFall", 300.0, _S, "how long removed replicas stay in the sums after the ready count fell",
     "HPA's default scale-down stabilization: 300 s"),
    ("denyExpiry", 3600.0, _S, "a Deny expires after this unless fresh evidence renews it", "ours"),
    ("stuckHold", 1800.0, _S, "a hold for a stuck replica lapses after this", "ours"),
    ("signalsRecovered", 300.0, _S, "good signals for this long end a lapsed hold", "ours"),
    ("regretWatch", 600.0, _S, "how long a removal is watched, and a refusal looked back at",
     "as long as the window of the peaks"),
    ("regretAsked", 420.0, _S, "how long after it was last written down a refused decrease is still wanted",
     "ours: an HPA asks again every 15 s, and a repeated refusal is written every 300 s"),
    ("regretGrowth", 0.20, Unit.RATIO, "growth of arrivals from which the load, not the removal, is to blame", "ours"),
    ("marginStep", 0.03, _F, "what a regretted removal takes off the Allow lines of load",
     "ours: a third of the band between Allow and Deny"),
    ("marginMost", 0.09, _F, "what may be taken off them in all", "ours: about the band between Allow and Deny"),
    ("marginForgive", 3.0, _C, "good outcomes in a row that give one step back", "ours"),
    ("marginForget", 604800.0, _S, "how long a margin lasts that nothing confirms", "ours: as learned samples"),
    ("largeFleet", 20.0, Unit.REPLICAS, "from this many replicas on, one in this many is left out and named", "ours"),
    ("utilizationLow", 0.40, _F, "utilization below which it is called low", "the common dashboard line of 40 %; ours"),
    ("utilizationHigh", 0.80, _F, "engine-active from which the GPU is called busy", "ours"),
    ("utilizationBusy", 0.90, _F, "utilization above which it is read as good performance", "ours"),
    ("tokensShortfall", 0.80, _F, "share of the expected tokens/s below which a busy GPU falls short",
     "ours: between the Allow and Deny lines of throughput"),
    ("requestsAlike", 1.5, Unit.RATIO, "mean request size of now over that of a baseline up to which both compare",
     "ours: speeds differ by 5-20 times between request mixes"),
    ("utilizationSwing", 0.50, _F, "difference of crest and trough of utilization that counts as a swing", "ours"),
    ("utilizationTurns", 3.0, _C, "crests and troughs from which utilization is said to oscillate",
     "ours: one full period and its beginning"),
    ("utilizationPeriod", 60.0, _S, "least period of an oscillation; what is shorter is sampling",
     "dcgm-exporter refreshes every 30 s"),
    ("latencyInTroughs", 1.2, Unit.RATIO, "inter-token latency in troughs over that in crests that counts as rising",
     "ours"),
    ("correlationSpan", 3600.0, _S, "data that a correlation asks for", "ours: an hour holds a busy and a calm phase"),
    ("correlationPoints", 30.0, _C, "least pairs of a correlation", "metric catalogue: 30-60 samples"),
    ("correlationWeak", 0.30, _F, "absolute correlation below which one number says nothing about the other",
     "a common reading of Pearson's r; ours"),
    ("correlationSpread", 0.20, _F, "least spread (5th to 95th percentile) of utilization for a correlation to count",
     "ours: a flat line correlates with nothing"),
    ("correlationLatency", 1.5, Unit.RATIO, "least ratio of the 95th to the 5th percentile of latency for it to count",
     "the spread that the fit of ITL asks for"),
    ("scaleUpGain", 0.05, Unit.RATIO, "rise of total tokens/s, as a share, that each added replica should bring",
     "ours: an even share is more from 20 replicas down; of a tenth of the fleet or less, half of its share is asked"),
    ("ineffectiveAfter", 300.0, _S, "time after the last added replica became ready until a scale-up is judged",
     "HPA's default scale-down stabilization: 300 s"),
    ("ineffectiveSpan", 300.0, _S, "span of tokens/s and waiting requests that a scale-up is judged by",
     "metric catalogue: histograms over 5 min"),
    ("ineffectiveKept", 3600.0, _S, "how long a scale-up is judged",
     "ours: by then the load is another"),
    ("dramActiveHigh", 0.60, _F, "DRAM-active of a memory-bound GPU", "practical DRAM peak is about 0.8; ours"),
    ("smActiveLow", 0.30, _F, "SM- or tensor-active of a GPU that does not compute much", "ours"),
    ("cpuSaturated", 0.90, Unit.RATIO, "CPU used over CPU requested from which the host is called saturated", "ours"),
    ("cpuThrottled", 0.25, _F, "share of periods with throttled CPU from which the host is called saturated",
     "the line of the common alert on CPU throttling, 25 %"),
    ("kvUsageLow", 0.50, _F, "KV usage below which a service may be called underloaded", "ours"),
    ("concurrencyLow", 0.30, _F, "share of the batch limit below which it may be called underloaded", "ours"),
    ("diagnosisSettles", 120.0, _S, "how long a regime must be gone before another replaces it, unless pressure begins",
     "ours: as long as a queue takes to be called standing"),
    ("coverageIndeterminate", 0.5, _F, "coverage below which no diagnosis is made", "ours"),
    ("batchCollapsed", 2.0, Unit.SEQUENCES, "effective batch p95 up to which batching has collapsed",
     "published batch curves: the knee is at 8"),
    ("batchLimitSensible", 16.0, Unit.SEQUENCES, "least batch limit at which a small batch is a finding", "ours"),
    ("prefillDominates", 10.0, Unit.RATIO, "prompt tokens/s over generated tokens/s from which prompts hold up a queue",
     "ours; the usual benchmark shapes have 1-8 prompt tokens a generated one"),
    ("throughputFlat", 0.05, _F, "fitted rise of tokens/s, as a share of their mean, up to which they are called flat",
     "ours: one replica of twenty adds as much"),
    ("throughputNoise", 0.20, _F, "two standard errors of that rise, as a share of the mean, up to which it is judged",
     "ours"),
    ("inFlightRising", 0.20, _F, "rise of requests in flight, as a share of their mean, that counts as piling up",
     "ours: arrivals are completions plus the growth of what is in flight"),
    ("framebufferFull", 0.85, _F, "framebuffer use that reads as full on a preallocating engine",
     "vLLM preallocates 0.90-0.92"),
    ("linkBusy", 1e9, Unit.BYTES_PER_SECOND, "traffic of one GPU from which its replica is said to use the link",
     "metric catalogue: about 1 GB/s under load"),
    ("learnEvery", 120.0, _S, "how often samples of a baseline are taken, each over as long",
     "metric catalogue: rates over 2 min; samples that do not overlap"),
    ("learnSamples", 20.0, _C, "least saturated samples for tokens/s to count as sustainable", "ours"),
    ("learnKvBelow", 0.90, _F, "KV usage below which a replica shows what it can do, not what it lacks",
     "a vLLM that preempts was seen from 0.88 on; interpretation: saturated by requests, not by memory"),
    ("learnForget", 604_800.0, _S, "age from which a saturated or calm sample is forgotten", "ours: a week's rhythm"),
    ("learnHalfLife", 86_400.0, _S, "age at which a sample of the ITL line or of tokens/s per GPU counts half",
     "ours: a day's rhythm"),
    ("learnFitPoints", 30.0, _C, "least points of a learned ITL line", "ours"),
    ("learnOutlier", 10.0, _C, "times what is usual up to which a sample counts, once 20 are known",
     "ours: speeds differ by 5-20 times between request mixes, so less would cut real ones"),
    ("learnRollout", 3600.0, _S, "how long older replicas teach nothing after the service was changed",
     "ours: a rollout is done by then"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The lines in force for one service: defaults with the owner's overrides."""

    overrides: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """The line in its unit; KeyError for a name that is not in the catalogue (a programming error)."""
        return self.overrides.get(name, CATALOGUE[name].default)

    @classmethod
    def parse(cls, overrides: Mapping[str, str], where: str = "spec.policy.thresholds") -> "Thresholds":
        """Read overrides as written in the object. Raises BadObject naming the field and what to write."""
        return cls({name: _number(name, text, where) for name, text in overrides.items()})


def _number(name: str, text: str, where: str) -> float:
    if name not in CATALOGUE:
        raise BadObject(f"unknown threshold {name!r}", where=where, hint="`scalewarden rules` lists the names")
    try:
        return float(text)
    except ValueError:
        raise BadObject(
            f"{text!r} is not a number", where=f"{where}.{name}", hint='write a string like "0.75"'
        ) from None
