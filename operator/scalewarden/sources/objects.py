"""API objects, as plain dictionaries, in the words of the core: the readers that sources and command lines share.

All are pure and lenient: what an object does not say is None, never a default that could be mistaken for a fact.
"""

from scalewarden.sources.autoscalers import autoscaler_of_hpa, autoscalers_for
from scalewarden.sources.coldstarts import cold_start_of
from scalewarden.sources.pods import lives, replica_of, routing_of
from scalewarden.sources.scaledobjects import autoscaler_of_scaledobject
from scalewarden.sources.workloads import desired_of, pod_template_of, target_of, workload_of

__all__ = [
    "autoscaler_of_hpa",
    "autoscaler_of_scaledobject",
    "autoscalers_for",
    "cold_start_of",
    "desired_of",
    "lives",
    "pod_template_of",
    "replica_of",
    "routing_of",
    "target_of",
    "workload_of",
]
