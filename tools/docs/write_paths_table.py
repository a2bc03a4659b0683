"""Write paths of a replica count, and what happens on each: the page and the cluster tests are made from this table."""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Which parts of Scalewarden are there."""

    GUARD_UP = "guard up"
    GUARD_DOWN = "guard down"
    ALL_DOWN = "all down"


class Outcome(StrEnum):
    """What a request meets."""

    REFUSED = "refused by the guard with the reason; an event names who asked for what"
    BY_POLICY = "refused by the policy with the last reason; no event"
    UNTIL_REMOVED = "refused by the policy with the last reason, until the fence's entry is removed"
    PASSES = "passes, nothing is said"
    WARNED = (
        "passes; who deletes it is warned, `GuardDegraded` says who, the guard removes the fence's entry within 5 s"
    )
    FOLLOWED = "passes; the operator removes the fence's entry and tells `GuardDegraded` on the target"
    LEFT = "passes; the fence's entry stays and goes on refusing until it is removed"
    JUDGED_LATER = "passes; what KEDA's HPA then asks for is refused at `/scale`"


class Path(NamedTuple):
    """One way to write a count below the floor; writes: the resource as admission sees it."""

    key: str
    title: str
    writes: str
    guard_up: Outcome
    guard_down: Outcome
    all_down: Outcome

    def outcome(self, state: State) -> Outcome:
        """What happens in one state."""
        found = {State.GUARD_UP: self.guard_up, State.GUARD_DOWN: self.guard_down, State.ALL_DOWN: self.all_down}
        return found[state]


_REFUSED = (Outcome.REFUSED, Outcome.BY_POLICY, Outcome.UNTIL_REMOVED)
_PASSES = (Outcome.PASSES, Outcome.PASSES, Outcome.PASSES)

PATHS = (
    Path("scale", "`kubectl scale` (PATCH of the scale)", "deployments/scale", *_REFUSED),
    Path("put-scale", "a client library (PUT of the scale)", "deployments/scale", *_REFUSED),
    Path("apply", "`kubectl apply`", "deployments", *_REFUSED),
    Path("apply-server-side", "`kubectl apply --server-side`", "deployments", *_REFUSED),
    Path("edit", "`kubectl edit`", "deployments", *_REFUSED),
    Path("patch-merge", "`kubectl patch --type=merge`", "deployments", *_REFUSED),
    Path("patch-json", "`kubectl patch --type=json`", "deployments", *_REFUSED),
    Path("replace", "`kubectl replace` (PUT)", "deployments", *_REFUSED),
    Path("helm", "`helm upgrade`", "deployments", *_REFUSED),
    Path("argo-cd", "Argo CD (server-side apply, conflicts forced)", "deployments", *_REFUSED),
    Path("flux", "Flux (server-side apply, conflicts forced)", "deployments", *_REFUSED),
    Path("hpa", "the HPA controller", "deployments/scale", *_REFUSED),
    Path("keda", "KEDA's own account, to zero", "deployments/scale", *_REFUSED),
    Path("hpa-bound", "an edit of an HPA's `maxReplicas`", "horizontalpodautoscalers", *_REFUSED),
    Path(
        "scaledobject-bound",
        "an edit of a ScaledObject's `maxReplicaCount`",
        "scaledobjects",
        Outcome.REFUSED,
        Outcome.JUDGED_LATER,
        Outcome.JUDGED_LATER,
    ),
    Path("evict", "eviction of a pod, `kubectl drain`", "pods/eviction", *_PASSES),
    Path("delete-pod", "`kubectl delete pod`", "pods", *_PASSES),
    Path("delete-target", "`kubectl delete` of the target", "deployments", *_PASSES),
    Path(
        "delete-service",
        "`kubectl delete` of the InferenceDeployment",
        "inferencedeployments",
        Outcome.WARNED,
        Outcome.FOLLOWED,
        Outcome.LEFT,
    ),
)


class Guarded(StrEnum):
    """Whether a kind of targets is guarded."""

    YES = "yes"
    NAMED = "once `extraGuardedResources` names it"
    NO_SCALE = "no: it serves no scale subresource"
    NO_TARGET = "no: it is refused as a target"


class Kind(NamedTuple):
    """A kind that a targetRef may name."""

    kind: str
    group: str
    resource: str
    guarded: Guarded
    note: str


KINDS = (
    Kind("Deployment", "apps", "deployments", guarded=Guarded.YES, note=""),
    Kind("StatefulSet", "apps", "statefulsets", guarded=Guarded.YES, note=""),
    Kind(
        "LeaderWorkerSet",
        "leaderworkerset.x-k8s.io",
        "leaderworkersets",
        guarded=Guarded.YES,
        note="a replica is a group of pods",
    ),
    Kind(
        "ReplicaSet",
        "apps",
        "replicasets",
        guarded=Guarded.NO_TARGET,
        note="rollouts scale it: name its Deployment",
    ),
    Kind("Rollout", "argoproj.io", "rollouts", guarded=Guarded.NAMED, note="Argo Rollouts"),
    Kind(
        "InferenceService",
        "serving.kserve.io",
        "inferenceservices",
        guarded=Guarded.NO_SCALE,
        note="KServe: describe the Deployment that it makes; its own `minReplicas` and `maxReplicas` arrive there "
        "through an HPA",
    ),
    Kind(
        "LLMInferenceService",
        "serving.kserve.io",
        "llminferenceservices",
        guarded=Guarded.NO_SCALE,
        note="KServe: describe the Deployment or LeaderWorkerSet that it makes",
    ),
    Kind(
        "RayCluster",
        "ray.io",
        "rayclusters",
        guarded=Guarded.NO_SCALE,
        note="counts stand in a list of worker groups: a decrease there is not guarded, nor what Ray's autoscaler "
        "removes",
    ),
    Kind("RayService", "ray.io", "rayservices", guarded=Guarded.NO_SCALE, note="as RayCluster, which it makes"),
)
