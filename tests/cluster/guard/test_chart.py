"""The chart as real Helm installs it: what its accounts may do, what it refuses, what it leaves behind."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.guard.bench import RELEASE, Bench, install
from tools import permissions
from tools.localcluster import CommandFailedError, LocalCluster

pytestmark = pytest.mark.cluster

GUARD, OPERATOR = (f"system:serviceaccount:scalewarden:scalewarden-{name}" for name in ("guard", "operator"))
ACCESS = [
    "--set",
    "operator.prometheus=https://mimir/prometheus,operator.prometheusHeaders.X-Scope-OrgID=ml",
    "--set",
    "operator.prometheusAuth.secretName=mimir,operator.prometheusAuth.user=me,operator.prometheusAuth.passwordKey=pw",
    "--set",
    "operator.prometheusAuth.caKey=ca.crt,operator.prometheusAuth.caConfigMap=authorities",
    "--set",
    "operator.prometheusAuth.headerKeys.X-Key=key,operator.scrapeAuth.secretName=pods,operator.scrapeAuth.certKey=tls",
]
POLICIES = ("scalewarden-autoscalers", "scalewarden-break-glass", "scalewarden-fence")


def rendered(cluster: LocalCluster, *more: str) -> list[dict[str, Any]]:
    """The chart's objects."""
    text = cluster.helm("template", *RELEASE[:-1], "--kube-version", "1.36.0", *more).stdout
    return [obj for obj in yaml.safe_load_all(text) if obj]


def may(cluster: LocalCluster, user: str, verb: str, what: str, *more: str) -> bool:
    """Whether RBAC lets a user do something."""
    return cluster.kubectl("auth", "can-i", verb, what, f"--as={user}", *more, check=False).stdout.strip() == "yes"


def test_the_policies_are_understood_by_the_api_server(installed: LocalCluster) -> None:
    for name in POLICIES:
        policy = installed.wait_for(
            lambda name=name: (
                (found := installed.get("validatingadmissionpolicy", name))
                and "observedGeneration" in found.get("status", {})
                and found
            ),
            f"{name} to be type-checked",
            30,
        )
        assert policy["status"]["typeChecking"] == {}, "no expression is warned about"
        assert installed.get("validatingadmissionpolicybinding", name)["spec"]["validationActions"] == ["Deny"]


def test_nothing_of_it_can_lock_a_cluster(installed: LocalCluster) -> None:
    for hook in installed.get("mutatingwebhookconfiguration", "scalewarden-guard")["webhooks"]:
        assert (hook["failurePolicy"], hook["timeoutSeconds"], hook["sideEffects"]) == ("Ignore", 2, "NoneOnDryRun")
        assert hook["matchConditions"]
        guarded_only(hook["namespaceSelector"])
    for name in ("scalewarden-fence", "scalewarden-autoscalers"):
        assert installed.get("validatingadmissionpolicy", name)["spec"]["failurePolicy"] == "Ignore"
        binding = installed.get("validatingadmissionpolicybinding", name)["spec"]
        assert binding["paramRef"] == {"name": "scalewarden", "parameterNotFoundAction": "Allow"}
        guarded_only(binding["matchResources"]["namespaceSelector"])


def test_those_who_give_support_read_pods_by_a_role_that_is_bound_by_hand(installed: LocalCluster) -> None:
    role = installed.get("clusterrole", "scalewarden-support")
    assert not any("aggregate-to" in label for label in role["metadata"]["labels"])
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list"}
    proxied = [rule for rule in role["rules"] if "pods/proxy" in rule["resources"]]
    assert [rule["verbs"] for rule in proxied] == [["get"]]


def guarded_only(selector: dict[str, Any]) -> None:
    """Opted-in namespaces, never kube-system nor Scalewarden's own."""
    assert selector["matchLabels"] == {"scalewarden.dev/guard": "enabled"}
    (excluded,) = selector["matchExpressions"]
    assert (excluded["key"], excluded["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
    assert {"kube-system", "scalewarden"} <= set(excluded["values"])


@pytest.mark.parametrize(
    ("user", "verb", "what", "more"),
    [
        (GUARD, "patch", "inferencedeployments.scalewarden.dev", ["--subresource=status", "-A"]),
        (GUARD, "patch", "scalefences.scalewarden.dev", ["-A"]),
        (GUARD, "watch", "horizontalpodautoscalers.autoscaling", ["-A"]),
        (GUARD, "update", "secrets/scalewarden-guard-tls", ["-n", "scalewarden"]),
        (OPERATOR, "patch", "inferencedeployments.scalewarden.dev", ["--subresource=status", "-A"]),
        (OPERATOR, "list", "pods", ["-A"]),
    ],
)
def test_its_accounts_may_do_their_work(
    installed: LocalCluster, user: str, verb: str, what: str, more: list[str]
) -> None:
    assert may(installed, user, verb, what, *more)


@pytest.mark.parametrize("user", [GUARD, OPERATOR])
@pytest.mark.parametrize(
    ("verb", "what", "more"),
    [
        ("update", "deployments.apps", ["--subresource=scale", "-A"]),
        ("patch", "deployments.apps", ["--subresource=scale", "-A"]),
        ("patch", "inferencedeployments.scalewarden.dev", ["-A"]),
        ("override", "inferencedeployments.scalewarden.dev", ["-A"]),
        ("get", "secrets", ["-A"]),
        ("create", "secrets", ["-n", "scalewarden"]),
        ("delete", "pods", ["-A"]),
        ("patch", "pods", ["-A"]),
        ("create", "poddisruptionbudgets.policy", ["-A"]),
        ("delete", "poddisruptionbudgets.policy", ["-A"]),
        ("create", "pods", ["--subresource=exec", "-A"]),
        ("patch", "validatingadmissionpolicies.admissionregistration.k8s.io", []),
        ("patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", []),
        ("delete", "mutatingwebhookconfigurations.admissionregistration.k8s.io", []),
    ],
)
def test_its_accounts_may_do_no_more(installed: LocalCluster, user: str, verb: str, what: str, more: list[str]) -> None:
    assert not may(installed, user, verb, what, *more)


def test_all_they_may_do_is_what_the_page_says(installed: LocalCluster, port: int) -> None:
    try:
        assert permissions.page(installed) == permissions.PAGE.read_text(encoding="utf-8"), (
            "read the difference; if every right of it is meant: python -m tools.permissions"
        )
    finally:
        install(installed, port)


def test_the_guard_may_not_write_the_targets_at_all(installed: LocalCluster) -> None:
    for what in ("deployments.apps", "statefulsets.apps", "horizontalpodautoscalers.autoscaling"):
        for verb in ("patch", "update", "delete"):
            assert not may(installed, GUARD, verb, what, "-A")


def test_its_pods_pass_the_restricted_pod_security_standard(guarded_cluster: LocalCluster) -> None:
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    metadata = {"name": "restricted", "labels": labels}
    guarded_cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    for obj in rendered(guarded_cluster):
        if obj["kind"] == "Deployment":
            obj["metadata"]["namespace"] = "restricted"
            done = guarded_cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=json.dumps(obj))
            assert "would violate PodSecurity" not in done.stderr
            (container,) = obj["spec"]["template"]["spec"]["containers"]
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            resources = container["resources"]
            assert "cpu" not in resources["limits"], "a CPU limit makes answers late"
            assert resources["limits"]["memory"] == resources["requests"]["memory"]


def test_every_object_of_every_variant_is_taken_by_the_api_server(installed: LocalCluster) -> None:
    variants: list[list[str]] = [
        [],
        ["--set", "guard.service.externalName="],
        ["--set", "priorityClassName=system-cluster-critical,operator.prometheus=http://prometheus:9090"],
        ["--set-json", 'operator.args=["--interval=30s"]', "--set-json", 'imagePullSecrets=[{"name": "registry"}]'],
        ACCESS,
        ["--set", "cooperate.pauseScaleIn=true,cooperate.podDeletionCost=true,cooperate.disruptionBudget=true"],
    ]
    for more in variants:
        objects = [obj for obj in rendered(installed, *more) if obj["kind"] not in ("Service", "Secret")]
        listing = {"apiVersion": "v1", "kind": "List", "items": objects}
        installed.kubectl(
            "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", input=json.dumps(listing)
        )


def test_credentials_are_mounted_and_passed_as_files_that_may_change(guarded_cluster: LocalCluster) -> None:
    (operator,) = (
        obj
        for obj in rendered(guarded_cluster, *ACCESS)
        if obj["kind"] == "Deployment" and "operator" in obj["metadata"]["name"]
    )
    spec = operator["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert not any("subPath" in mount for mount in container["volumeMounts"]), "a subPath never changes"
    assert [volume["name"] for volume in spec["volumes"]] == list(mounted)
    assert set(container["args"][2:]) == {
        "--prometheus=https://mimir/prometheus",
        "--prometheus-header=X-Scope-OrgID=ml",
        "--prometheus-user=me",
        f"--prometheus-password-file={mounted['prometheus']}/pw",
        f"--prometheus-ca-file={mounted['prometheus-ca']}/ca.crt",
        f"--prometheus-header-file=X-Key={mounted['prometheus']}/key",
        f"--scrape-cert-file={mounted['scrape']}/tls",
    }


def rights(cluster: LocalCluster, *more: str) -> dict[str, set[tuple[str, str]]]:
    """(verb, resource) of the ClusterRoles of operator and guard, by role."""
    roles = [obj for obj in rendered(cluster, *more) if obj["kind"] == "ClusterRole"]
    return {
        role["metadata"]["name"].removeprefix("scalewarden-"): {
            (verb, what) for rule in role["rules"] for verb in rule["verbs"] for what in rule["resources"]
        }
        for role in roles
    }


@pytest.mark.parametrize(
    ("way", "operator", "guard"),
    [
        ("pauseScaleIn", set(), {("patch", "scaledobjects")}),
        ("podDeletionCost", {("patch", "pods")}, set()),
        (
            "disruptionBudget",
            {(verb, "poddisruptionbudgets") for verb in ("list", "create", "patch", "delete")},
            {("list", "poddisruptionbudgets"), ("delete", "poddisruptionbudgets")},
        ),
    ],
)
def test_each_way_to_cooperate_adds_its_own_rights_and_flag_and_no_more(
    guarded_cluster: LocalCluster, way: str, operator: set[tuple[str, str]], guard: set[tuple[str, str]]
) -> None:
    value = ("--set", f"cooperate.{way}=true")
    before, after = rights(guarded_cluster), rights(guarded_cluster, *value)
    assert (after["operator"] - before["operator"], after["guard"] - before["guard"]) == (operator, guard)
    flags = [
        [arg for arg in obj["spec"]["template"]["spec"]["containers"][0]["args"] if "cooperate" in arg]
        for obj in rendered(guarded_cluster, *value)
        if obj["kind"] == "Deployment"
    ]
    assert flags == [[f"--cooperate={way}"]] * 2


def test_with_cert_manager_the_guard_needs_no_authority_of_its_own(guarded_cluster: LocalCluster) -> None:
    objects = rendered(guarded_cluster, "--set", "guard.certManager.enabled=true")
    kinds = [obj["kind"] for obj in objects]
    assert {"Issuer", "Certificate"} <= set(kinds) and "Secret" not in kinds
    (hook,) = (obj for obj in objects if obj["kind"] == "MutatingWebhookConfiguration")
    assert hook["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": "scalewarden/scalewarden-guard"}
    (role,) = (
        obj for obj in objects if obj["kind"] == "ClusterRole" and obj["metadata"]["name"] == "scalewarden-guard"
    )
    assert not any("admissionregistration.k8s.io" in rule["apiGroups"] for rule in role["rules"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ("guard.replicas=-1", "/guard/replicas"),
        ("maxMode=Loud", "/maxMode"),
        ("gaurd.replicas=2", "gaurd"),
        ("operator.prometheus=prometheus:9090", "/operator/prometheus"),
        ("namespaces.excluded={elsewhere}", "/namespaces/excluded"),
        ("operator.prometheusAuth.token=secret", "token"),
        ("operator.prometheusAuth.tokenKey=token", "operator.prometheusAuth: tokenKey needs secretName"),
        ("operator.scrapeAuth.caKey=../../token", "/operator/scrapeAuth/caKey"),
    ],
)
def test_bad_values_are_refused_by_name(guarded_cluster: LocalCluster, values: str, field: str) -> None:
    with pytest.raises(CommandFailedError) as refused:
        rendered(guarded_cluster, "--set", values)
    assert field.strip("/").replace("/", ".") in refused.value.stderr or field in refused.value.stderr


class TestBreakGlass:
    """Who may set the break-glass annotations."""

    GLASS = ("annotate", "infd", "llama", "scalewarden.dev/break-glass=incident 12")

    @pytest.fixture
    def alice(self, bench: Bench) -> Iterator[Path]:
        """A kubeconfig of someone who may edit the namespace."""
        bench.kubectl("create", "rolebinding", "alice", "--clusterrole=edit", "--user=alice")
        yield bench.cluster.user_kubeconfig("alice")

    def run(self, bench: Bench, kubeconfig: Path, *arguments: str) -> str:
        """What kubectl says to that user."""
        done = bench.cluster.kubectl(*arguments, "-n", bench.namespace, kubeconfig=kubeconfig, check=False)
        return done.stdout + done.stderr

    def test_editing_is_not_enough_holding_override_is(self, bench: Bench, alice: Path) -> None:
        bench.cluster.wait_for(
            lambda: "labeled" in self.run(bench, alice, "label", "infd", "llama", "team=a", "--overwrite"),
            "alice to be an editor",
            15,
        )
        refused = self.run(bench, alice, *self.GLASS)
        assert "(Forbidden)" in refused and "needs the verb override" in refused
        bench.kubectl("create", "rolebinding", "o", "--clusterrole=scalewarden-override", "--user=alice")
        bench.cluster.wait_for(lambda: "annotated" in self.run(bench, alice, *self.GLASS), "it to be allowed", 15)

    def test_everyone_may_leave_it_as_it_is_or_take_it_away(self, bench: Bench, alice: Path) -> None:
        assert bench.kubectl(*self.GLASS[:3], self.GLASS[3]).done, "an administrator may"
        bench.cluster.wait_for(
            lambda: "labeled" in self.run(bench, alice, "label", "infd", "llama", "team=b", "--overwrite"),
            "alice to be an editor",
            15,
        )
        assert "annotated" in self.run(bench, alice, "annotate", "infd", "llama", "scalewarden.dev/break-glass-")


class TestLife:
    """Upgrade and uninstall; last, since it takes the chart away for a while."""

    def test_an_upgrade_keeps_the_certificate_and_the_authority(self, installed: LocalCluster, port: int) -> None:
        secret = ("patch", "secret", "scalewarden-guard-tls", "-n", "scalewarden", "-p", '{"data":{"ca.crt":"eA=="}}')
        installed.kubectl(*secret)
        trusted = b64encode(installed.ca_pem).decode()
        path = "/webhooks/0/clientConfig/caBundle"
        bundle = json.dumps([{"op": "add", "path": path, "value": trusted}])
        installed.kubectl("patch", "mutatingwebhookconfiguration", "scalewarden-guard", "--type=json", "-p", bundle)
        install(installed, port, "--set", "guard.operatorSilentAfter=50")
        assert installed.get("secret", "scalewarden-guard-tls", "scalewarden")["data"]["ca.crt"] == "eA=="
        hook = installed.get("mutatingwebhookconfiguration", "scalewarden-guard")["webhooks"][0]
        assert hook["clientConfig"]["caBundle"] == trusted

    def test_uninstalled_nothing_is_left_but_the_definitions(self, installed: LocalCluster, port: int) -> None:
        bench = Bench.make(installed)
        bench.fence()
        try:
            installed.helm("uninstall", "scalewarden", "-n", "scalewarden")
            installed.wait_for(lambda: bench.scale(0).done, "the policies to be gone", 15)
            kinds = (
                "validatingadmissionpolicy,validatingadmissionpolicybinding,mutatingwebhookconfiguration,clusterrole"
            )
            left = installed.kubectl("get", f"{kinds},clusterrolebinding", "-o", "name").stdout.split()
            assert [name for name in left if "scalewarden" in name] == []
            own = installed.kubectl("get", "all,secret,role,rolebinding,pdb", "-n", "scalewarden", "-o", "name").stdout
            assert own.split() == []
            assert bench.kubectl("get", "infd", "llama").done, "people's objects are kept with their definitions"
        finally:
            install(installed, port)
        assert bench.scale(4).done
        installed.wait_for(lambda: not bench.scale(0, "--dry-run=server").done, "the policies to be back", 20)
        installed.kubectl("delete", "namespace", bench.namespace, "--wait=false")

    def test_told_not_to_keep_them_it_leaves_nothing_at_all(self, installed: LocalCluster, port: int) -> None:
        install(installed, port, "--set", "crds.keep=false")
        installed.helm("uninstall", "scalewarden", "-n", "scalewarden")
        installed.wait_for(
            lambda: "scalewarden.dev" not in installed.kubectl("get", "crd", "-o", "name").stdout, "the CRDs to go", 30
        )
        install(installed, port)
