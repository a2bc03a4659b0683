"""An AdmissionReview as a plain request, and the responses that go back.

Shape: `admission.k8s.io/v1`. What cannot be read is let through with an audit annotation that says so: the guard
answers like a webhook with `failurePolicy: Ignore`, it never refuses what it does not understand.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Object = Mapping[str, Any]
Response = dict[str, Any]

FORBIDDEN = 403
EMPTY: Object = {}
NOTE = "note"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the API server. `obj` and `old` are empty where the API server sends null."""

    uid: str
    user: str
    operation: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    dry_run: bool
    obj: Object
    old: Object

    @property
    def path(self) -> str:
        """The resource written, like `deployments/scale`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def target_key(self) -> str:
        """The fence key `<resource>/<name>`."""
        return f"{self.resource}/{self.name}"


def read(body: object) -> Request | str:
    """The request inside a review, or one sentence that says what is wrong with it."""
    request = body.get("request") if isinstance(body, Mapping) else None
    if not isinstance(request, Mapping):
        return "not an AdmissionReview with a request"
    resource, uid, name = request.get("resource"), request.get("uid"), request.get("name")
    if not isinstance(resource, Mapping) or not isinstance(uid, str):
        return "the request has no uid or no resource"
    obj = _mapping(request.get("object"))
    return Request(
        uid=uid,
        user=str(_mapping(request.get("userInfo")).get("username") or ""),
        operation=str(request.get("operation") or ""),
        group=str(resource.get("group") or ""),
        resource=str(resource.get("resource") or ""),
        subresource=str(request.get("subResource") or ""),
        namespace=str(request.get("namespace") or ""),
        name=str(name or metadata(obj).get("name") or ""),
        dry_run=request.get("dryRun") is True,
        obj=obj,
        old=_mapping(request.get("oldObject")),
    )


def replicas(obj: Object, subresource: str) -> int | None:
    """The replica count an object asks for; None where there is no object, no spec or no number.

    A Scale leaves zero out when it is written as JSON; everywhere else a missing count means one.
    """
    spec = obj.get("spec")
    if not isinstance(spec, Mapping):
        return None
    count = spec.get("replicas", 0 if subresource == "scale" else 1)
    if count is None:
        return 1
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def metadata(obj: Object) -> Object:
    """Its metadata; empty where there is none."""
    return _mapping(obj.get("metadata"))


def mappings(value: object) -> list[Object]:
    """The mappings of a list; empty where it is none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def allowed(uid: str, warnings: Sequence[str] = (), note: str = "") -> Response:
    """Let it pass, with warnings for people and a note for the audit log."""
    response: Response = {"uid": uid, "allowed": True}
    if warnings:
        response["warnings"] = list(warnings)
    if note:
        response["auditAnnotations"] = {NOTE: note}
    return _envelope(response)


def refused(uid: str, text: str) -> Response:
    """403 Forbidden: a 409 would be retried at once, a 5xx reads as a broken guard."""
    status = {"status": "Failure", "code": FORBIDDEN, "reason": "Forbidden", "message": text}
    return _envelope({"uid": uid, "allowed": False, "status": status})


def trimmed(uid: str, replica_count: int, text: str) -> Response:
    """Let it pass with the replica count raised to the safe one."""
    patch = [{"op": "add", "path": "/spec/replicas", "value": replica_count}]
    response = {"uid": uid, "allowed": True, "patchType": "JSONPatch", "patch": b64encode(orjson.dumps(patch)).decode()}
    return _envelope({**response, "auditAnnotations": {NOTE: text}})


def _envelope(response: Response) -> Response:
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def _mapping(value: object) -> Object:
    return value if isinstance(value, Mapping) else EMPTY
