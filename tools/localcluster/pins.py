"""Which tools the local cluster runs, in which versions, and how each one is recognised or built.

The Go modules under `build/` hold the full dependency list with checksums (`go.sum`); the archive's
SHA-512 sums are those its publisher lists next to the release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, int]
"""Major and minor."""

BUILD_DIR = Path(__file__).parent / "build"


@dataclass(frozen=True)
class Bundle:
    """Tools built together from one Go module under `build/`."""

    name: str
    version: str
    ldflags: str = ""
    tags: str = ""

    @property
    def folder(self) -> Path:
        """The module that pins this bundle's dependencies."""
        return BUILD_DIR / self.name

    @property
    def key(self) -> str:
        """The folder name in the cache."""
        return f"{self.name}-{self.version}"


@dataclass(frozen=True)
class Tool:
    """One executable: how to ask its version, which versions will do, and where it can come from."""

    name: str
    version_args: tuple[str, ...]
    at_least: Version
    below: Version | None = None
    bundle: Bundle | None = None
    package: str = ""

    def accepts(self, version: Version) -> bool:
        """Whether this major.minor works with the rest of the set."""
        return self.at_least <= version and (self.below is None or version < self.below)

    @property
    def wanted(self) -> str:
        """The accepted range, for messages."""
        low = "v{}.{}".format(*self.at_least)
        if self.below is None:
            return f"{low} or newer"
        if self.below == (self.at_least[0], self.at_least[1] + 1):
            return f"{low}.x"
        return f"{low} up to below v{self.below[0]}.{self.below[1]}"


@dataclass(frozen=True)
class Archive:
    """A release archive with etcd, kube-apiserver and kubectl for one Kubernetes version."""

    version: str
    base_url: str
    sha512: Mapping[str, str]
    tools: tuple[str, ...]

    def file_name(self, platform: str) -> str:
        """The archive's name for a platform such as `linux-amd64`."""
        return f"envtest-v{self.version}-{platform}.tar.gz"

    @property
    def key(self) -> str:
        """The folder name in the cache."""
        return f"envtest-v{self.version}"


_K8S = "v1.36.3"
_K8S_VERSION_VAR = "k8s.io/component-base/version"
_K8S_MINOR: Version = (1, 36)
_K8S_BELOW: Version = (1, 37)

KUBERNETES = Bundle(
    name="kubernetes",
    version=_K8S,
    ldflags=f"-X {_K8S_VERSION_VAR}.gitVersion={_K8S} "
    f"-X {_K8S_VERSION_VAR}.gitMajor=1 -X {_K8S_VERSION_VAR}.gitMinor=36",
)
ETCD = Bundle(name="etcd", version="v3.6.8")
KWOK = Bundle(name="kwok", version="v0.8.0")
HELM = Bundle(name="helm", version="v3.22.0", ldflags="-X helm.sh/helm/v3/internal/version.version=v3.22.0")
PROMETHEUS = Bundle(
    name="prometheus",
    version="v0.315.0",
    ldflags="-X github.com/prometheus/common/version.Version=3.15.0",
    # Of the service discovery providers only the Kubernetes one is compiled in: a third of the build.
    tags="netgo,remove_all_sd,enable_kubernetes_sd",
)


def _kube(name: str) -> Tool:
    return Tool(name, ("--version",), _K8S_MINOR, _K8S_BELOW, KUBERNETES, f"k8s.io/kubernetes/cmd/{name}")


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("etcd", ("--version",), (3, 5), (4, 0), ETCD, "go.etcd.io/etcd/server/v3"),
        _kube("kube-apiserver"),
        _kube("kube-controller-manager"),
        _kube("kube-scheduler"),
        Tool("kwok", ("--version",), (0, 7), (1, 0), KWOK, "sigs.k8s.io/kwok/cmd/kwok"),
        Tool(
            "prometheus",
            ("--version",),
            (2, 40),
            None,
            PROMETHEUS,
            "github.com/prometheus/prometheus/cmd/prometheus",
        ),
        Tool("helm", ("version", "--short"), (3, 14), None, HELM, "helm.sh/helm/v3/cmd/helm"),
        Tool("kubectl", ("version", "--client"), (1, 34)),
    )
}

ENVTEST = Archive(
    version="1.36.2",
    base_url="https://github.com/kubernetes-sigs/controller-tools/releases/download/envtest-v1.36.2",
    sha512={
        "linux-amd64": "ea743186c8a799f5cf8faf16969f86189d003cb7d130e0ac4b58789f1e5748dc"
        "f30ebe91c837a10d5ac415383da3e10b9e64d65785c938c23e739781cfb76f08",
        "linux-arm64": "2d72ee985a8e262a3c57dc9f7f0fd891f6a8c7bf7ebaa2db6dc6d8eac8ae2818"
        "1afe51c1f368b67756cdb40b10de9b205609e1726e5f27f7c6d824dd9c6649ac",
    },
    tools=("etcd", "kube-apiserver", "kubectl"),
)
