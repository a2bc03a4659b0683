"""One InferenceDeployment in a live cluster, with the credentials that kubectl would use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from scalewarden.errors import ClusterError
from scalewarden.model.crd import GROUP, KIND, PLURAL, VERSION, InferenceDeployment
from scalewarden.model.fence import FENCE_NAME, FENCE_PLURAL
from scalewarden.sources.kubeconnection import Connect

TIMEOUT = 10.0
"""Seconds to wait for the API server."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A connection, the namespace of its context, and a name for messages.

    connect_as: how our own client comes to the same API server.
    """

    api: client.CustomObjectsApi
    namespace: str
    name: str
    connect_as: Connect = Connect()

    @classmethod
    def connect(cls, context: str | None = None) -> "Cluster":
        """By the kubeconfig, or inside a pod by its service account. Raises ClusterError where there is neither."""
        try:
            return cls._of_kubeconfig(context)
        except ConfigException as error:
            if context is not None:
                raise ClusterError(str(error), where=f"context {context}", hint=_CONTEXTS) from None
        try:
            config.load_incluster_config()  # type: ignore[no-untyped-call]
        except ConfigException:
            raise ClusterError("no kubeconfig was found", hint="set KUBECONFIG, or run where kubectl works") from None
        return cls(client.CustomObjectsApi(), _own_namespace(), "this cluster")

    @classmethod
    def _of_kubeconfig(cls, context: str | None) -> "Cluster":
        contexts, active = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]
        chosen = active if context is None else next((c for c in contexts if c["name"] == context), active)
        api = config.new_client_from_config(context=context, persist_config=False)  # type: ignore[no-untyped-call]
        return cls(
            client.CustomObjectsApi(api),
            chosen["context"].get("namespace") or "default",
            chosen["name"],
            Connect(context=chosen["name"]),
        )

    def inference_deployment(self, name: str, namespace: str) -> InferenceDeployment:
        """The object of this name. Raises ClusterError where it cannot be read, BadObject where it is malformed."""
        try:
            return InferenceDeployment.parse(self._get(name, namespace))
        except ApiException as error:
            self._refused(error, f"{KIND} {namespace}/{name}", namespace)
        except HTTPError as error:
            raise self._silent(error) from None

    def inference_deployments(
        self, namespace: str | None, patience: float = TIMEOUT, most: int | None = None
    ) -> list[dict[str, Any]]:
        """All objects of a namespace, or of the cluster where it is None, as the API server returns them, by name.

        patience: seconds to wait for it. Raises ClusterError where they cannot be read.
        """
        try:
            found: Any = self._list(
                namespace, {"_request_timeout": (patience, patience)} | ({"limit": most} if most else {})
            )
        except ApiException as error:
            self._refused(
                error, f"the {PLURAL} of {namespace or 'all namespaces'}", namespace or "all namespaces", "list"
            )
        except HTTPError as error:
            raise self._silent(error) from None
        return sorted(found["items"], key=lambda one: (one["metadata"].get("namespace", ""), one["metadata"]["name"]))

    def namespaces(self, patience: float, most: int) -> list[dict[str, Any]]:
        """The first `most` namespaces, without the typed client of the core API: importing that takes seconds.

        patience: seconds to wait. Raises what the client raises.
        """
        client = self.api.api_client
        asked = client.param_serialize(
            "GET", "/api/v1/namespaces", query_params=[("limit", most)],
            header_params={"Accept": "application/json"}, auth_settings=["BearerToken"],
        )  # fmt: skip
        answer = client.call_api(*asked, _request_timeout=(patience, patience))
        answer.read()
        return list(json.loads(answer.data)["items"])

    def _list(self, namespace: str | None, asked: dict[str, Any]) -> Any:
        if namespace is None:
            return self.api.list_cluster_custom_object(GROUP, VERSION, PLURAL, **asked)
        return self.api.list_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, **asked)

    def _silent(self, error: HTTPError) -> ClusterError:
        what = f"the API server does not answer: {_short(error)}"
        return ClusterError(what, where=self.name, hint="`kubectl get infd -A` should work first")

    def _get(self, name: str, namespace: str) -> Any:
        return self.api.get_namespaced_custom_object(
            GROUP, VERSION, namespace, PLURAL, name, _request_timeout=(TIMEOUT, TIMEOUT)
        )

    def annotate(self, found: InferenceDeployment, annotations: Mapping[str, str]) -> None:
        """Set annotations on the InferenceDeployment. Raises ClusterError where that is refused."""
        self._patch(PLURAL, found.namespace, found.name, {"metadata": {"annotations": dict(annotations)}})

    def remove_fence(self, found: InferenceDeployment) -> None:
        """Take down the fence under its target, so that nobody else has to be alive to do it."""
        key = found.status.target
        if key is not None:
            self._patch(FENCE_PLURAL, found.namespace, FENCE_NAME, {"fences": {key: None}}, missing_ok=True)

    def _patch(
        self, plural: str, namespace: str, name: str, patch: Mapping[str, Any], *, missing_ok: bool = False
    ) -> None:
        try:
            self.api.patch_namespaced_custom_object(
                GROUP, VERSION, namespace, plural, name, dict(patch),
                _request_timeout=(TIMEOUT, TIMEOUT), _content_type="application/merge-patch+json",
            )  # fmt: skip
        except ApiException as error:
            if error.status == 404 and missing_ok:
                return
            message = _body(error).get("message") or error.reason
            hint = "it takes the ClusterRole scalewarden-override" if error.status == 403 else ""
            raise ClusterError(str(message), where=f"{plural} {namespace}/{name}", hint=hint) from None
        except HTTPError as error:
            raise ClusterError(f"the API server does not answer: {_short(error)}", where=self.name) from None

    def _refused(self, error: ApiException, what: str, namespace: str, verb: str = "get") -> NoReturn:
        if error.status == 404 and "details" not in _body(error):
            hint = "`scalewarden crd | kubectl apply -f -` installs it"
            raise ClusterError(f"the kind {KIND} is not installed", where=self.name, hint=hint) from None
        if error.status == 404:
            raise ClusterError("not found", where=what, hint=self._others(namespace)) from None
        if error.status == 403:
            hint = f"you need the verb {verb} on {PLURAL}.{GROUP} in {namespace}"
            raise ClusterError("reading it is forbidden", where=what, hint=hint) from None
        message = _body(error).get("message") or error.reason
        raise ClusterError(f"the API server answered {error.status}: {message}", where=what) from None

    def _others(self, namespace: str) -> str:
        """What is there instead; listing may be forbidden where reading is not."""
        try:
            found: Any = self.api.list_namespaced_custom_object(
                GROUP, VERSION, namespace, PLURAL, limit=10, _request_timeout=(TIMEOUT, TIMEOUT)
            )
        except (ApiException, HTTPError):
            return "`kubectl get infd -A` lists them"
        names = ", ".join(item["metadata"]["name"] for item in found["items"])
        return f"in {namespace} there are: {names}" if names else f"there is none in {namespace}; give -n NAMESPACE"


_CONTEXTS = "`kubectl config get-contexts` lists the contexts"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def _own_namespace() -> str:
    return _NAMESPACE_FILE.read_text(encoding="utf-8").strip()


def _body(error: ApiException) -> dict[str, Any]:
    try:
        body = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _short(error: HTTPError) -> str:
    """The innermost cause, without the client's own words about retries."""
    reason = getattr(error, "reason", None) or error
    return str(reason).rsplit(": ", 1)[-1]
