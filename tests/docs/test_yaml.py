"""Every YAML block is YAML, and every object of ours in it is one that the API server would take."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.fence import FENCE_KIND, ScaleFence
from tests.docs.pages import Block, all_blocks, tracked

HEREDOC = re.compile(r"<<'EOF'\n(.*?)^EOF$", re.DOTALL | re.MULTILINE)
BLOCKS = all_blocks("yaml") + [
    Block(block.page, block.line, "yaml", text) for block in all_blocks("sh") for text in HEREDOC.findall(block.text)
]
"""YAML blocks, and what shell blocks hand to kubectl."""


def documents(text: str) -> Iterator[Any]:
    """Every document, and what a recording holds in `inferenceDeployment`."""
    for document in yaml.safe_load_all(text):
        if isinstance(document, Mapping):
            yield document
            yield document.get("inferenceDeployment")
            yield from document.get("objects") or ()


def ours(text: str, kind: str) -> list[Mapping[str, Any]]:
    """The objects of one kind in a text."""
    return [one for one in documents(text) if isinstance(one, Mapping) and one.get("kind") == kind]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_blocks_are_yaml(block: Block) -> None:
    assert list(yaml.safe_load_all(block.text)) != [None]


@pytest.mark.parametrize("block", [one for one in BLOCKS if ours(one.text, "InferenceDeployment")], ids=str)
def test_inference_deployments_parse(block: Block) -> None:
    for manifest in ours(block.text, "InferenceDeployment"):
        assert InferenceDeployment.parse(dict(manifest), str(block)).spec.target_ref.name


@pytest.mark.parametrize("block", [one for one in BLOCKS if ours(one.text, FENCE_KIND)], ids=str)
def test_scale_fences_parse(block: Block) -> None:
    for manifest in ours(block.text, FENCE_KIND):
        fields = {key: value for key, value in manifest.items() if key != "metadata"}
        assert ScaleFence.model_validate(fields).fences


def test_there_is_something_to_parse() -> None:
    assert any(ours(block.text, "InferenceDeployment") for block in BLOCKS)
    assert any(ours(block.text, FENCE_KIND) for block in BLOCKS)


def test_example_manifests_parse() -> None:
    found = [
        InferenceDeployment.parse(dict(manifest), str(file))
        for file in tracked(".yaml")
        if "examples" in file.parts
        for manifest in ours(file.read_text(encoding="utf-8"), "InferenceDeployment")
    ]
    assert found
