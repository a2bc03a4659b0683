"""The API resources that are read or written, and their addresses."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API: `group` is empty for the core group; `plural` as in its address."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As objects write it: `apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The address below the server, for a collection (of every namespace where none is given) or one object."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return root + inside + "".join(f"/{part}" for part in (self.plural, name, subresource) if part)

    def named(self, namespace: str, name: str) -> str:
        """`Kind namespace/name`, for messages."""
        return " ".join(part for part in (self.kind, f"{namespace}/{name}" if namespace else name) if part)


INFERENCE_DEPLOYMENTS = Resource("scalewarden.dev", "v1alpha1", "inferencedeployments", "InferenceDeployment")
SCALE_FENCES = Resource("scalewarden.dev", "v1alpha1", "scalefences", "ScaleFence")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
HPAS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECTS = Resource("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
INFERENCE_POOLS = Resource("inference.networking.k8s.io", "v1", "inferencepools", "InferencePool")
OLD_INFERENCE_POOLS = Resource("inference.networking.x-k8s.io", "v1alpha2", "inferencepools", "InferencePool")
POD_METRICS = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics")
DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
POLICIES = Resource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
POLICY_BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)
