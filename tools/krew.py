"""`python -m tools.krew [--output DIR] [--url URL]`: the archive that krew installs, and the manifest that names it.

The checksum is that of the archive just built; where that archive is not at the manifest's address, krew refuses it.
"""

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
LAUNCHER = ROOT / "packaging/krew/kubectl-scalewarden"
HOMEPAGE = "https://github.com/scalewarden/scalewarden"
NAME = "scalewarden"
_SHORT = "Keep LLM inference from unsafe scale-downs"
"""krew takes at most 50 characters."""
_DESCRIPTION = """\
Says why an LLM inference service may or may not be scaled down, predicts what
fewer replicas would do to those that stay, records and examines live services,
and suggests sound autoscalers. Reads InferenceDeployments; the operator and
its guard are installed by the Helm chart.
"""
_CAVEATS = """\
Needs Python 3.11 or newer. The first start installs the locked dependencies
from the Python package index into ~/.cache/scalewarden.
For completion put a link named kubectl_complete-scalewarden to the plugin
into your PATH.
"""


class _Blocks(yaml.SafeDumper):
    """Texts of several lines as people write them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _text)


def build(folder: Path, url: str | None = None) -> tuple[Path, Path]:
    """The archive and the manifest, written into a folder. url: where the archive will be."""
    folder.mkdir(parents=True, exist_ok=True)
    version = _version()
    archive = folder / f"kubectl-{NAME}-{version}.tar.gz"
    archive.write_bytes(_archive(version))
    address = url or f"{HOMEPAGE}/releases/download/v{version}/{archive.name}"
    manifest = folder / f"{NAME}.yaml"
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    text = yaml.dump(_manifest(version, address, checksum), Dumper=_Blocks, sort_keys=False)
    manifest.write_text(text, encoding="utf-8")
    return archive, manifest


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def _manifest(version: str, url: str, checksum: str) -> dict[str, Any]:
    anywhere = [{"key": "os", "operator": "In", "values": ["linux", "darwin"]}]
    platform = {
        "selector": {"matchExpressions": anywhere},
        "uri": url,
        "sha256": checksum,
        "bin": LAUNCHER.name,
        "files": [{"from": "*", "to": "."}],
    }
    spec = {
        "version": f"v{version}",
        "homepage": HOMEPAGE,
        "shortDescription": _SHORT,
        "description": _DESCRIPTION,
        "caveats": _CAVEATS,
        "platforms": [platform],
    }
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": NAME},
        "spec": spec,
    }


def _archive(version: str) -> bytes:
    """The same bytes for the same files: no times, no owners."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content, mode in _files(version):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _files(version: str) -> list[tuple[str, bytes, int]]:
    launcher = LAUNCHER.read_text(encoding="utf-8").replace("@VERSION@", version)
    wheel = _wheel()
    return [
        (LAUNCHER.name, launcher.encode(), 0o755),
        (wheel[0], wheel[1], 0o644),
        *((name, (ROOT / name).read_bytes(), 0o644) for name in ("requirements.lock", "LICENSE")),
    ]


def _wheel() -> tuple[str, bytes]:
    """Name and content of the wheel of this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"error: the wheel cannot be built: {done.stderr.strip()}")
        (wheel,) = Path(folder).glob("*.whl")
        return wheel.name, wheel.read_bytes()


def main(arguments: list[str] | None = None) -> int:
    """Build both and say what remains to be done."""
    parser = argparse.ArgumentParser(prog="python -m tools.krew", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist/krew", help="folder (dist/krew)")
    parser.add_argument("--url", help="where the archive will be")
    options = parser.parse_args(arguments)
    archive, manifest = build(options.output, options.url)
    print(f"try it:     kubectl krew install --manifest={manifest} --archive={archive}", file=sys.stderr)
    print(
        "to publish: upload the archive to the address in the manifest; krew's index has no entry yet", file=sys.stderr
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
