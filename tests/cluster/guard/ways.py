"""One way to a lower count for each row of the table of write paths, as its writer does it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.guard.bench import HPA_CONTROLLER, KINDS, WAITING, Answer, Bench, workload

BELOW = 2
"""Under the floor of 3 that stands for everybody."""
SCALE = "/apis/apps/v1/namespaces/{}/deployments/llama/scale"
ARGO_CD = "system:serviceaccount:argocd:argocd-application-controller"
FLUX = "system:serviceaccount:flux-system:kustomize-controller"
KEDA = "system:serviceaccount:keda:keda-operator"
SUPERUSER = ("--as-group=system:masters",)
"""So that nothing but admission can refuse."""
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@dataclass(frozen=True)
class Writer:
    """Whoever writes, in one namespace: a user who may do everything, whose name is told apart in events."""

    bench: Bench
    user: str
    folder: Path
    to: int = BELOW

    def kubectl(self, *arguments: str, obj: dict[str, Any] | None = None) -> Answer:
        """As this user."""
        return self.bench.kubectl(*arguments, *SUPERUSER, obj=obj, user=self.user)

    def wanted(self) -> dict[str, Any]:
        """The Deployment as a manifest with the lower count."""
        return workload("Deployment", "llama", self.to, self.bench.namespace)

    def patch(self, kind: str, how: str, patch: object) -> Answer:
        """A patch of the object that is called llama."""
        return self.kubectl("patch", kind, "llama", f"--type={how}", "-p", json.dumps(patch))


Way = Callable[[Writer], Answer]


def put_scale(writer: Writer) -> Answer:
    """GET and PUT of the subresource; without a version, since the Deployment's status may change in between."""
    path = SCALE.format(writer.bench.namespace)
    scale = json.loads(writer.kubectl("get", "--raw", path).said)
    scale["spec"]["replicas"] = writer.to
    del scale["metadata"]["resourceVersion"]
    return writer.kubectl("replace", "--raw", path, "-f", "-", obj=scale)


def replace(writer: Writer) -> Answer:
    """The whole object as it is, with the lower count; again where its status changed between kubectl's own look and
    its write."""
    obj = json.loads(writer.kubectl("get", "deployment", "llama", "-o", "json").said)
    obj["spec"]["replicas"] = writer.to
    del obj["metadata"]["resourceVersion"]
    answer = writer.kubectl("replace", "-f", "-", obj=obj)
    for _ in range(5):
        if "the object has been modified" not in answer.said:
            break
        answer = writer.kubectl("replace", "-f", "-", obj=obj)
    return answer


def edit(writer: Writer) -> Answer:
    """An editor that writes another count. Of a refusal kubectl opens the editor again: it then changes nothing."""
    script = writer.folder / "edit.sh"
    once = writer.folder / f"edited-{writer.user}"
    script.write_text(
        f'#!/bin/sh\n[ -e {once} ] || sed -i "s/^  replicas: .*/  replicas: {writer.to}/" "$1"\n: > {once}\n'
    )
    script.chmod(0o755)
    command = ("edit", "deployment", "llama", "-n", writer.bench.namespace, f"--as={writer.user}", *SUPERUSER)
    editor = {"KUBE_EDITOR": str(script), "TMPDIR": str(writer.folder)}
    done = writer.bench.cluster.kubectl(*command, check=False, env=editor)
    return Answer(done.returncode == 0, done.stdout + done.stderr)


def helm(writer: Writer) -> Answer:
    """A release that owns the Deployment, upgraded to the lower count."""
    chart, release = writer.folder / "service", "llama"
    if not chart.exists():
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: service\nversion: 1.0.0\n")
        manifest = json.dumps(workload("Deployment", "llama", 4711, "x")).replace("4711", "{{ .Values.replicas }}")
        (chart / "templates" / "deployment.yaml").write_text(manifest.replace('"x"', '"{{ .Release.Namespace }}"'))
    named = ("-n", writer.bench.namespace, f"--kube-as-user={writer.user}", "--kube-as-group=system:masters")
    owns = (f"meta.helm.sh/release-name={release}", f"meta.helm.sh/release-namespace={writer.bench.namespace}")
    assert writer.kubectl("annotate", "deployment", "llama", "--overwrite", *owns).done
    assert writer.kubectl("label", "deployment", "llama", "--overwrite", "app.kubernetes.io/managed-by=Helm").done
    writer.bench.cluster.helm("install", release, str(chart), *named, "--set", "replicas=4")
    asked = ("upgrade", release, str(chart), *named, "--set", f"replicas={writer.to}")
    done = writer.bench.cluster.helm(*asked, check=False)
    return Answer(done.returncode == 0, done.stdout + done.stderr)


def server_side(*more: str) -> Way:
    """A server-side apply that takes every field over."""

    def way(writer: Writer) -> Answer:
        return writer.kubectl("apply", "--server-side", "--force-conflicts", *more, "-f", "-", obj=writer.wanted())

    return way


def hpa(writer: Writer) -> Answer:
    """An HPA that the controller follows at once, past any behavior: its maximum is below the count."""
    obj = writer.bench.hpa(WAITING, maximum=3)
    obj["metadata"]["name"] = "followed"
    assert writer.bench.kubectl("apply", "-f", "-", obj=obj).done, "between the floors a person is only warned"

    def answered() -> Answer | None:
        if writer.bench.replicas() < 4:
            return Answer(done=True, said="")
        status = writer.bench.cluster.get("hpa", "followed", writer.bench.namespace).get("status", {})
        failed = [one for one in status.get("conditions", []) if one["reason"] == "FailedUpdateScale"]
        return Answer(done=False, said=failed[0]["message"]) if failed else None

    try:
        return writer.bench.cluster.wait_for(answered, "the HPA controller to ask", 40)
    finally:
        assert writer.bench.kubectl("delete", "hpa", "followed").done


def hpa_bound(writer: Writer) -> Answer:
    """A lower maximum of an HPA that is in force."""
    assert writer.bench.kubectl("apply", "-f", "-", obj=writer.bench.hpa(WAITING, minimum=4)).done
    try:
        return writer.patch("hpa", "merge", {"spec": {"minReplicas": 1, "maxReplicas": writer.to}})
    finally:
        assert writer.bench.kubectl("delete", "hpa", "llama").done


def scaled_object(bench: Bench) -> dict[str, Any]:
    """A ScaledObject from 4 to 8 on the Deployment."""
    trigger = {"query": "sum(vllm:num_requests_waiting)", "threshold": "2", "ignoreNullValues": "false"}
    bounds = {"minReplicaCount": 4, "maxReplicaCount": 8}
    triggers = [{"type": "prometheus", "metadata": trigger}]
    spec = {"scaleTargetRef": {"name": "llama"}, **bounds, "triggers": triggers}
    metadata = {"name": "llama", "namespace": bench.namespace}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec}


def scaled_object_bound(writer: Writer) -> Answer:
    """A lower maximum of a ScaledObject."""
    assert writer.bench.kubectl("apply", "-f", "-", obj=scaled_object(writer.bench)).done
    try:
        return writer.patch("scaledobject", "merge", {"spec": {"minReplicaCount": 1, "maxReplicaCount": writer.to}})
    finally:
        assert writer.bench.kubectl("delete", "scaledobject", "llama").done


def pod_of(bench: Bench) -> str:
    """A pod of the Deployment."""

    def found() -> str:
        return bench.kubectl("get", "pods", "-l", "app=llama", "-o", "jsonpath={.items[0].metadata.name}").said

    return bench.cluster.wait_for(lambda: "error" not in (name := found()) and name, "a pod of the Deployment", 30)


def evict(writer: Writer) -> Answer:
    """As `kubectl drain` does it."""
    name = pod_of(writer.bench)
    metadata = {"name": name, "namespace": writer.bench.namespace}
    path = f"/api/v1/namespaces/{writer.bench.namespace}/pods/{name}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    return writer.kubectl("create", "--raw", path, "-f", "-", obj=eviction)


def delete(*what: str) -> Way:
    """kubectl delete."""
    return lambda writer: writer.kubectl("delete", *what, "--wait=false")


WAYS: dict[str, Way] = {
    "scale": lambda writer: writer.kubectl("scale", "deployment", "llama", f"--replicas={writer.to}"),
    "put-scale": put_scale,
    "apply": lambda writer: writer.kubectl("apply", "-f", "-", obj=writer.wanted()),
    "apply-server-side": server_side(),
    "edit": edit,
    "patch-merge": lambda writer: writer.patch("deployment", "merge", {"spec": {"replicas": writer.to}}),
    "patch-json": lambda writer: writer.patch(
        "deployment", "json", [{"op": "replace", "path": "/spec/replicas", "value": writer.to}]
    ),
    "replace": replace,
    "helm": helm,
    "argo-cd": server_side("--field-manager=argocd-controller"),
    "flux": server_side("--field-manager=kustomize-controller"),
    "hpa": hpa,
    "keda": put_scale,
    "hpa-bound": hpa_bound,
    "scaledobject-bound": scaled_object_bound,
    "evict": evict,
    "delete-pod": lambda writer: writer.kubectl("delete", "pod", pod_of(writer.bench), "--wait=false"),
    "delete-target": delete("deployment", "llama"),
    "delete-service": delete("infd", "llama"),
}
"""By the key of the row."""

IDENTITIES = {"argo-cd": ARGO_CD, "flux": FLUX, "keda": KEDA, "hpa": HPA_CONTROLLER}
"""Who writes, where that is not a person of the row's own name."""
COUNTS = {"keda": 0, "hpa": 3}
"""What is asked for, where that is not BELOW."""


def writer_of(key: str, bench: Bench, folder: Path) -> Writer:
    """Who goes the way of a row."""
    return Writer(bench, IDENTITIES.get(key, f"by-{key}"), folder, COUNTS.get(key, BELOW))


def custom_kind(group: str, plural: str, kind: str, *, scale: bool = True) -> dict[str, Any]:
    """A kind with or without a scale subresource, and no controller."""
    paths = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": FREE}}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    metadata = {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "versions": [{**version, "subresources": {"status": {}, **({"scale": paths} if scale else {})}}],
        },
    }


def scalable(kind: str, group: str, namespace: str) -> dict[str, Any]:
    """An object called llama of any kind that has a scale, with 4 replicas."""
    if kind in KINDS.values():
        return workload(kind, "llama", 4, namespace)
    built_in = workload("Deployment", "llama", 4, namespace)
    return {**built_in, "apiVersion": f"{group}/v1", "kind": kind}
