"""What the guard answers from: the facts that watches keep in memory."""

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.fence import AutoscalingEntry, FenceEntry, ScaleFence
from scalewarden.model.policy import Mode, Policy
from scalewarden.model.workload import Target

STATUS_FRESH = 300.0
"""Seconds for which a status speaks; the operator refreshes it at least once a minute."""


@dataclass(frozen=True, slots=True)
class Ref:
    """An object that events can be about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Guarded:
    """An InferenceDeployment as admission needs it.

    safe_replicas is the smallest count that passes every test and denied_below the count under which the operator
    would refuse everyone, None where it never said. Both were found for judged_replicas, the target's count then.
    reason is the one of its last verdict; evaluated_at is unix seconds, None before the first evaluation. created is
    its creationTimestamp as the API server writes it, empty where it has none.
    """

    ref: Ref
    target: Target
    policy: Policy = Policy()
    safe_replicas: int | None = None
    denied_below: int | None = None
    reason: str = ""
    evaluated_at: float | None = None
    judged_replicas: int | None = None
    created: str = ""

    @property
    def age(self) -> tuple[str, str, str]:
        """Sorts the older first, as the operator does: of two that name one target the older one has it."""
        return self.created, self.ref.namespace, self.ref.name

    @property
    def owner(self) -> str:
        """`<namespace>/<name>`."""
        return f"{self.ref.namespace}/{self.ref.name}"

    def safe_count(self, now: float) -> int | None:
        """The safe count while the status is fresh; one of a future that far off is of a clock gone wrong."""
        fresh = self.evaluated_at is not None and abs(now - self.evaluated_at) <= STATUS_FRESH
        return self.safe_replicas if fresh else None

    @property
    def unjudged(self) -> "Guarded":
        """As it is when nobody stands behind its status any more."""
        return replace(self, safe_replicas=None, denied_below=None, judged_replicas=None)

    def glass_broken(self, now: float) -> bool:
        """True while a recorded break-glass is in force."""
        return self.policy.glass_broken(now)


Reader = Callable[[Mapping[str, Any]], Autoscaler]
Named = tuple[str, str]


Place = tuple[str, str, str]


@dataclass(slots=True)
class Autoscalers:
    """HPAs and ScaledObjects by what they scale: (namespace, target kind, target name)."""

    by_target: dict[Place, dict[Ref, None]] = field(default_factory=dict)
    places: dict[tuple[str, str, str], tuple[Place, Ref]] = field(default_factory=dict)

    def put(self, ref: Ref, place: Place) -> None:
        """A new or changed autoscaler."""
        self.drop(ref)
        self.by_target.setdefault(place, {})[ref] = None
        self.places[ref.kind, ref.namespace, ref.name] = place, ref

    def drop(self, ref: Ref) -> None:
        """A deleted autoscaler."""
        place, known = self.places.pop((ref.kind, ref.namespace, ref.name), (None, None))
        if place is not None and known is not None:
            del self.by_target[place][known]
            if not self.by_target[place]:
                del self.by_target[place]

    def drop_all(self, kind: str) -> None:
        """Forget every autoscaler of one kind, before they are listed anew."""
        for _, ref in [found for (one, *_), found in self.places.items() if one == kind]:
            self.drop(ref)

    def of(self, namespace: str, target: Target) -> tuple[Ref, ...]:
        """Those that act on a target."""
        return tuple(self.by_target.get((namespace, target.kind, target.name), ()))


@dataclass(slots=True)
class GuardState:
    """Everything an answer may rest on; filled by watches, read by every review.

    described: InferenceDeployments by (namespace, name); claims: by (namespace, fence key of the target), oldest first.
    fences: by namespace. readers: how to read an autoscaler, by kind. operator_silent: for so long that its fences are
    released; its statuses are not spoken for either, then.
    """

    autoscaler_identities: frozenset[str]
    readers: Mapping[str, Reader]
    max_mode: Mode = Mode.ENFORCE
    operator_silent: bool = False
    described: dict[Named, Guarded] = field(default_factory=dict)
    claims: dict[Named, list[Guarded]] = field(default_factory=dict)
    fences: dict[str, ScaleFence] = field(default_factory=dict)
    autoscalers: Autoscalers = field(default_factory=Autoscalers)

    def put(self, guarded: Guarded) -> None:
        """A new or changed InferenceDeployment."""
        self.drop(guarded.ref.namespace, guarded.ref.name)
        self.described[guarded.ref.namespace, guarded.ref.name] = guarded
        insort(
            self.claims.setdefault((guarded.ref.namespace, guarded.target.key), []), guarded, key=lambda one: one.age
        )

    def drop(self, namespace: str, name: str) -> None:
        """A deleted InferenceDeployment; the next oldest of its target answers from now on."""
        gone = self.described.pop((namespace, name), None)
        if gone is None:
            return
        claim = namespace, gone.target.key
        self.claims[claim].remove(gone)
        if not self.claims[claim]:
            del self.claims[claim]

    def drop_services(self) -> None:
        """Forget every InferenceDeployment, before they are listed anew."""
        self.described.clear()
        self.claims.clear()

    def service(self, namespace: str, key: str) -> Guarded | None:
        """The InferenceDeployment of a target, by fence key: the oldest of those that name it."""
        return next(iter(self.claims.get((namespace, key), ())), None)

    def also_described(self, namespace: str, name: str) -> bool:
        """True where another InferenceDeployment names the target of this one too, and guards it when this one goes."""
        known = self.described.get((namespace, name))
        return known is not None and len(self.claims[namespace, known.target.key]) > 1

    def service_scaled_by(self, namespace: str, kind: str, name: str) -> Guarded | None:
        """The InferenceDeployment of a target as an autoscaler names it, by kind and name: the oldest, as above."""
        found = (
            one
            for one in self.described.values()
            if (one.ref.namespace, one.target.kind, one.target.name) == (namespace, kind, name)
        )
        return min(found, key=lambda one: one.age, default=None)

    def floor(self, namespace: str, key: str) -> FenceEntry | None:
        """The fence under a target."""
        fence = self.fences.get(namespace)
        return fence.fences.get(key) if fence else None

    def answer_to_autoscalers(self, namespace: str, kind: str, name: str) -> AutoscalingEntry | None:
        """How unsound autoscalers of a target are answered; None where it is not described."""
        fence = self.fences.get(namespace)
        return fence.autoscaling.get(f"{kind}/{name}") if fence else None
