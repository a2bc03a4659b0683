"""The converter from pydantic to structural schemas, and the committed files that come from it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from scalewarden.model.crd_manifest import manifests
from scalewarden.model.schema import structural
from scalewarden.model.schema_constraint import ApiModel, Constraint
from scalewarden.model.status import InferenceDeploymentStatus
from tools.docs import crd, files


class Inner(ApiModel):
    """Inside."""

    size: int = 3


def properties(model: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = structural(model)["properties"]
    return found


def test_references_are_inlined_and_what_stands_beside_them_wins() -> None:
    class Outer(ApiModel):
        named: Inner = Field(description="Here.")
        plain: Inner

    found = properties(Outer)
    assert found["named"] == {
        "description": "Here.",
        "type": "object",
        "properties": {"size": {"type": "integer", "default": 3}},
    }
    assert found["plain"]["description"] == "Inside."


def test_optional_is_not_nullable() -> None:
    class Outer(ApiModel):
        maybe: int | None = None

    assert properties(Outer) == {"maybe": {"type": "integer"}}
    assert "required" not in structural(Outer)


def test_exclusive_bounds_are_flags() -> None:
    class Outer(ApiModel):
        share: Annotated[float, Field(gt=0, lt=1)]

    assert properties(Outer)["share"] == {
        "type": "number",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 1,
        "exclusiveMaximum": True,
    }


def test_objects_with_defaults_inside_default_to_empty_and_others_do_not() -> None:
    class Empty(ApiModel):
        word: str | None = None

    class Outer(ApiModel):
        filled: Inner = Inner()
        bare: Empty = Empty()

    found = properties(Outer)
    assert found["filled"]["default"] == {}
    assert "default" not in found["bare"]


def test_maps_literals_and_numbers_or_strings() -> None:
    class Outer(ApiModel):
        entries: Annotated[dict[str, int], Field(max_length=3)]
        only: Literal["one"]
        port: int | str

    assert properties(Outer) == {
        "entries": {"type": "object", "maxProperties": 3, "additionalProperties": {"type": "integer"}},
        "only": {"type": "string", "enum": ["one"]},
        "port": {"x-kubernetes-int-or-string": True},
    }


def test_constraints_become_validation_rules() -> None:
    class Outer(ApiModel):
        word: Annotated[str, Constraint("self != ''", "write a word", bool)]
        constraints = (Constraint("self.word != 'no'", "write another word", lambda outer: outer.word != "no"),)

    assert properties(Outer)["word"]["x-kubernetes-validations"] == [{"rule": "self != ''", "message": "write a word"}]
    assert structural(Outer)["x-kubernetes-validations"] == [
        {"rule": "self.word != 'no'", "message": "write another word"}
    ]
    with pytest.raises(ValueError, match="write a word"):
        Outer(word="")
    with pytest.raises(ValueError, match="write another word"):
        Outer(word="no")


@pytest.mark.parametrize("shape", [tuple[int, str], int | list[int], Any], ids=str)
def test_what_has_no_structural_form_is_refused_when_generating(shape: Any) -> None:
    class Outer(ApiModel):
        field: shape

    with pytest.raises(ValueError, match="no structural form"):
        structural(Outer)


def nodes(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every field below the schema with its path."""
    for name, node in schema.get("properties", {}).items():
        yield f"{path}.{name}", node
        yield from nodes(node, f"{path}.{name}")
        yield from nodes(node.get("items", {}), f"{path}.{name}[]")
        inner = node.get("additionalProperties")
        yield from nodes(inner if isinstance(inner, dict) else {}, f"{path}.{name}.*")


def all_nodes() -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    for manifest in manifests():
        schema = manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        found += nodes(schema, manifest["spec"]["names"]["kind"])
    return found


def test_every_field_is_described_for_kubectl_explain() -> None:
    standard = ("apiVersion", "kind", "metadata")
    silent = [path for path, node in all_nodes() if not node.get("description") and path.split(".")[1] not in standard]
    assert silent == []


def test_every_constraint_is_advice_in_one_line() -> None:
    advice = [rule["message"] for _, node in all_nodes() for rule in node.get("x-kubernetes-validations", ())]
    assert len(advice) > 30
    assert [text for text in advice if "\n" in text or len(text) > 200] == []


def test_the_status_has_no_defaults() -> None:
    defaults = [path for path, node in nodes(structural(InferenceDeploymentStatus), "status") if "default" in node]
    assert defaults == []


def test_committed_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert files.main("tools.docs.crd", crd.render, ["--check"]) == 0, capsys.readouterr().err


def test_a_stale_file_is_named_and_written_again(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert files.main("tools.docs.crd", crd.render, ["--check"], tmp_path) == 1
    assert "docs/reference/crd.md is out of date: run python -m tools.docs.crd" in capsys.readouterr().err
    assert files.main("tools.docs.crd", crd.render, [], tmp_path) == 0
    assert files.main("tools.docs.crd", crd.render, ["--check"], tmp_path) == 0
