"""Ask the API server, as dry runs, what it would answer to one replica fewer and one more. Nothing is written."""

from scalewarden.app import covering
from scalewarden.app.fences import ENABLED, GUARD_LABEL
from scalewarden.app.live import Live
from scalewarden.model.fence import FENCE_NAME
from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import NAMESPACES, POLICIES, POLICY_BINDINGS, SCALE_FENCES, WEBHOOKS, Resource
from scalewarden.sources.objects import desired_of
from scalewarden.surfaces.coverage import Why
from scalewarden.surfaces.self_test import Answer, Asked, Installed, SelfTest, answer_of

MANAGER = "scalewarden-doctor"
PARTS: tuple[tuple[Resource, str, str], ...] = (
    (WEBHOOKS, "scalewarden-guard", "webhook scalewarden-guard"),
    (POLICIES, "scalewarden-fence", "policy scalewarden-fence"),
    (POLICY_BINDINGS, "scalewarden-fence", "its binding"),
)


async def run(live: Live) -> SelfTest:
    """The self-test of a service that was looked at."""
    replicas = desired_of(live.service.found.object) or 0
    counts = [count for count in (replicas - 1, replicas + 1) if count >= 0]
    asked = tuple([await _ask(live, replicas, count) for count in counts])
    floor, seen = await _floor(live)
    parts = tuple([(name, await _installed(live, resource, which)) for resource, which, name in PARTS])
    return SelfTest(asked, floor, await _opted_in(live), parts, seen, await _gap(live))


async def _ask(live: Live, replicas: int, count: int) -> Asked:
    found, reference = live.service.found, live.service.declared.spec.target_ref
    try:
        await live.api.merge(
            found.resource,
            live.namespace,
            reference.name,
            {"spec": {"replicas": count}},
            manager=MANAGER,
            subresource="scale",
            dry_run=True,
        )
    except ApiError as error:
        return Asked(replicas, count, answer_of(error.status, error.message), error.message)
    return Asked(replicas, count, Answer.ALLOWED)


async def _floor(live: Live) -> tuple[int | None, bool]:
    """(the floor under everybody, whether the fence could be read)."""
    key = f"{live.service.found.resource.plural}/{live.service.declared.spec.target_ref.name}"
    try:
        fence = await live.api.find(SCALE_FENCES, live.namespace, FENCE_NAME) or {}
    except ApiError:
        return None, False
    entry = (fence.get("fences") or {}).get(key) or {}
    return entry.get("replicas"), True


async def _gap(live: Live) -> str:
    """Why admission does not look at the target's kind; what is not installed at all is a missing part."""
    resource = live.service.found.resource
    try:
        gap = (await covering.read(live.api)).gap(resource.group, resource.plural)
    except ApiError:
        return ""
    return gap.text if gap and gap.why is Why.KIND_NOT_COVERED else ""


async def _installed(live: Live, resource: Resource, name: str) -> Installed:
    try:
        return Installed.NO if await live.api.find(resource, "", name) is None else Installed.YES
    except ApiError:
        return Installed.UNSEEN


async def _opted_in(live: Live) -> bool | None:
    try:
        found = await live.api.get(NAMESPACES, "", live.namespace)
    except ApiError:
        return None
    return (found["metadata"].get("labels") or {}).get(GUARD_LABEL) == ENABLED
