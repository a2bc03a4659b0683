"""Numbers of a suggested autoscaler where nothing was observed or declared; each with its unit and source."""

from scalewarden.model.signal import Unit
from scalewarden.model.thresholds import Threshold

KV_TARGET = Threshold(
    "kvTarget", 0.65, Unit.FRACTION, "mean KV-cache usage that replicas are added to keep",
    "llm-d Workload Variant Autoscaler adds replicas from 0.60 to 0.70 on",
)  # fmt: skip
KV_TARGET_LEAST = Threshold(
    "kvTargetLeast", 0.30, Unit.FRACTION, "lowest target for KV-cache usage, however uneven the replicas are",
    "ours: below it replicas pay for the unevenness; mend the routing",
)  # fmt: skip
WAITING_TARGET = Threshold(
    "waitingTarget", 3.0, Unit.REQUESTS, "waiting requests a replica that replicas are added to keep",
    "llm-d Workload Variant Autoscaler: spare queue 3",
)  # fmt: skip
WAITING_TARGET_LEAST = Threshold(
    "waitingTargetLeast", 1.0, Unit.REQUESTS, "lowest target for waiting requests a replica",
    "ours: less is one request coming and going",
)  # fmt: skip
TOLERANCE = Threshold(
    "tolerance", 0.10, Unit.FRACTION, "how far over its target an HPA lets a metric go before it adds replicas",
    "Kubernetes: --horizontal-pod-autoscaler-tolerance",
)  # fmt: skip
STABILIZATION = Threshold(
    "stabilization", 300.0, Unit.SECONDS, "shortest stabilization of a scale-down",
    "Kubernetes: default of behavior.scaleDown.stabilizationWindowSeconds",
)  # fmt: skip
PERIOD = Threshold(
    "period", 60.0, Unit.SECONDS, "at most one replica is removed in this time",
    "vLLM production stack's operator: 1 pod in 60 s",
)  # fmt: skip
SPARE = Threshold("spare", 2.0, Unit.REPLICAS, "least replicas, where as many are there", "ours: one of them may fail")
GROWTH = Threshold("growth", 2.0, Unit.RATIO, "most replicas, over those that are there", "ours")
POLLING = Threshold("polling", 15.0, Unit.SECONDS, "how often KEDA asks Prometheus", "an HPA asks every 15 s")

MOST_REPLICAS = 2**31 - 1
"""The API server takes no larger count."""
LONGEST_STABILIZATION = 3600.0
"""Seconds; the API server takes no longer window."""
LONGEST_PERIOD = 1800.0
"""Seconds; the API server takes no longer period of a policy."""
SERVER = "http://prometheus.monitoring:9090"
"""Where a Prometheus often is; said to be checked."""
