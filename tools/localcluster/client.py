"""Speaking to a cluster: kubectl, helm, objects and identities, each as its own user would."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from . import binaries, kubeconfigs, state
from .errors import CommandFailedError
from .pki import Authority
from .waiting import wait_for

T = TypeVar("T")
Objects = list[dict[str, Any]]

_COMMAND_SECONDS = 120.0


class Client:
    """A running cluster as its users see it. `LocalCluster` adds its life and its faults."""

    def __init__(self, work_dir: Path, found: state.State, tools: Mapping[str, Path]) -> None:
        self.work_dir = work_dir
        self.name = found.name
        self.pod_cidr = found.pod_cidr
        self._state = found
        self._layout = found.layout(work_dir)
        self._tools = dict(tools)

    @property
    def url(self) -> str:
        """The API server."""
        return self._layout.url("apiserver")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._layout.kubeconfig("admin")

    @property
    def ca_file(self) -> Path:
        """The authority that signed the API server's certificate, PEM."""
        return self._layout.pair("ca").cert

    @property
    def ca_pem(self) -> bytes:
        """The same, read."""
        return self.ca_file.read_bytes()

    @property
    def logs_dir(self) -> Path:
        """One file a component, `<component>.log`."""
        return self._layout.logs

    @property
    def prometheus_url(self) -> str | None:
        """Prometheus' base address; None when the cluster runs without it."""
        return self._layout.url("prometheus") if "prometheus" in self._state.components else None

    @property
    def prometheus_config(self) -> Path:
        """Its configuration file; after a change, POST to `<prometheus_url>/-/reload`."""
        return self.work_dir / "prometheus.yml"

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - the name subprocess.run gives it
        check: bool = True,
        kubeconfig: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, as the administrator unless another kubeconfig is given; env is added to its environment.

        Raises CommandFailedError on a non-zero status unless `check` is false.
        """
        return self._run("kubectl", args, input, check, kubeconfig, env)

    def helm(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Helm against this cluster, with a configuration of its own; errors as for kubectl."""
        if "helm" not in self._tools:
            self._tools |= binaries.find(["helm"])
        return self._run("helm", args, None, check, None)

    def apply(self, objects_or_yaml: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str) -> None:
        """`kubectl apply` of one object, several, or YAML text."""
        if isinstance(objects_or_yaml, str):
            text = objects_or_yaml
        elif isinstance(objects_or_yaml, Mapping):
            text = json.dumps(objects_or_yaml)
        else:
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects_or_yaml)})
        self.kubectl("apply", "-f", "-", input=text)

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """One object; raises CommandFailedError when it is not there."""
        where = ("-n", namespace) if namespace else ()
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, *where, "-o", "json").stdout)
        return found

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> Objects:
        """The objects of a kind, in one namespace or in all."""
        where = ("-n", namespace) if namespace else ("-A",)
        matching = ("-l", selector) if selector else ()
        done = self.kubectl("get", kind, *where, *matching, "-o", "json")
        items: Objects = json.loads(done.stdout)["items"]
        return items

    def token(self, namespace: str, serviceaccount: str, duration: str = "1h") -> str:
        """A real bearer token of a service account (TokenRequest; not less than 10 minutes)."""
        done = self.kubectl("create", "token", serviceaccount, "-n", namespace, f"--duration={duration}")
        return done.stdout.strip()

    def kubeconfig_for(self, token: str, name: str) -> Path:
        """A kubeconfig that uses a bearer token, such as a service account's."""
        return self._write_kubeconfig(name, kubeconfigs.with_token(token))

    def user_kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig of a person: a client certificate for `user` in `groups`."""
        pair = Authority(self._layout.pki).client(f"user-{user}", user, groups)
        return self._write_kubeconfig(f"user-{user}", kubeconfigs.with_certificate(pair))

    def wait_for(self, predicate: Callable[[], T], what: str, timeout: float) -> T:
        """See `waiting.wait_for`."""
        return wait_for(predicate, what, timeout)

    def _write_kubeconfig(self, name: str, user: dict[str, str]) -> Path:
        path = self._layout.kubeconfig(name)
        return kubeconfigs.write(path, server=self.url, ca_pem=self.ca_pem, user=user, name=name)

    def _run(
        self,
        tool: str,
        args: Sequence[str],
        given: str | None,
        check: bool,
        kubeconfig: Path | None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self._tools[tool], *args],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            env=self._environment(kubeconfig or self.kubeconfig) | dict(env or {}),
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if check and done.returncode:
            raise CommandFailedError(f"{tool} {' '.join(args)}", done.returncode, done.stdout, done.stderr)
        return done

    def _environment(self, kubeconfig: Path) -> dict[str, str]:
        home = self.work_dir / "home"
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(home / "kube-cache"),
            "HELM_CACHE_HOME": str(home / "helm-cache"),
            "HELM_CONFIG_HOME": str(home / "helm-config"),
            "HELM_DATA_HOME": str(home / "helm-data"),
        }
