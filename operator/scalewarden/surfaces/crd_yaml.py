"""The CustomResourceDefinitions as text that people read and Git keeps."""

import yaml

from scalewarden.model.crd_manifest import Manifest, manifests


def everything() -> str:
    """All of them, ready for `kubectl apply -f -`."""
    return "---\n".join(as_yaml(manifest) for manifest in manifests())


def as_yaml(manifest: Manifest) -> str:
    """One manifest as YAML, fields in the order in which they are read."""
    text: str = yaml.dump(manifest, Dumper=_Indented, sort_keys=False, width=110, allow_unicode=True)
    return text


class _Indented(yaml.SafeDumper):
    """Lists indented under their key, and no anchors for values that occur twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True
