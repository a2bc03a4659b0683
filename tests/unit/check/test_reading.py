"""Files as they come: encodings, anchors, lists, templates, patches; and every line right."""

import json
from pathlib import Path

import pytest

from scalewarden.app.checking import Checking
from scalewarden.errors import BadInput
from scalewarden.sources.manifests import files
from scalewarden.sources.manifests.files import Found, collect, objects
from scalewarden.sources.manifests.parsing import Manifest, NotYaml, count, parse
from tests.unit.check.manifests import BRAKE, CPU, checked, deployment, hpa, write


def read(text: str) -> Found:
    found = Found()
    objects("all.yaml", text, found)
    return found


def only(text: str) -> Manifest:
    (one,) = read(text).manifests
    return one


def test_the_line_of_a_value_in_the_third_document() -> None:
    text = f"# a comment\n{deployment()}---\n# another\n---\n{hpa(CPU, BRAKE)}"
    one = read(text).manifests[1]
    line = text.splitlines().index(f"  {CPU}") + 1
    assert one.place("spec.metrics[0].resource.name").line == line
    assert one.place("spec.metrics[7].resource").line == line
    assert one.place("spec.nowhere").text.strip() == "spec:"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_change_nothing(end: str, mark: str) -> None:
    text = mark + f"{deployment()}---\n{hpa(CPU, BRAKE)}".replace("\n", end)
    assert [one.label for one in read(text).manifests] == [
        "Deployment/serving/llama",
        "HorizontalPodAutoscaler/serving/llama",
    ]
    assert read(text).manifests[1].place("spec.metrics").line == 22


def test_anchors_and_merge_keys_are_read_as_kubectl_reads_them() -> None:
    text = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: a}
x-common: &common {minReplicas: 2, maxReplicas: 9}
spec:
  <<: *common
  maxReplicas: 4
"""
    one = only(text)
    assert one.value["spec"] == {"minReplicas": 2, "maxReplicas": 4}
    assert one.place("spec.maxReplicas").line == 7
    assert one.place("spec.minReplicas").line == 4
    assert read(text).remarks == []


def test_of_a_key_that_is_there_twice_the_last_one_counts_with_a_remark() -> None:
    found = read("apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: 2\n  replicas: 3\n")
    assert found.manifests[0].value["spec"] == {"replicas": 3}
    assert found.manifests[0].place("spec.replicas").line == 5
    assert [(remark.place.line, remark.text[:26]) for remark in found.remarks] == [(5, "'replicas' is there twice;")]


def test_a_list_is_its_items() -> None:
    items = json.dumps({"apiVersion": "v1", "kind": "List", "items": [_hpa("a"), _hpa("b")]}, indent="\t")
    found = read(items)
    assert [one.name for one in found.manifests] == ["a", "b"]
    lines = items.splitlines()
    assert [lines[one.place("metadata.name").line - 1].strip() for one in found.manifests] == [
        '"name": "a"',
        '"name": "b"',
    ]


_REFERS = "apiVersion: autoscaling/v2\nkind: X\nspec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n"


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("", 0),
        ("a: b\n", 0),
        (_REFERS, 1),
        (f"{_REFERS}---\n{_REFERS}", 2),
        ("apiVersion: v1\nkind: List\nitems:\n- apiVersion: a\n  ref:\n    apiVersion: r\n- apiVersion: b\n", 2),
        ("- apiVersion: a\n- apiVersion: b\n", 2),
        ('{"apiVersion": "v1", "kind": "X"}', 1),
        ('{\n  "apiVersion": "v1",\n  "kind": "X",\n  "ref": {\n    "apiVersion": "r"\n  }\n}', 1),
    ],
)
def test_objects_are_counted_and_their_references_are_not(text: str, objects: int) -> None:
    assert count(text) == objects


@pytest.mark.parametrize(
    "several",
    [
        "{}\n{}", "{} {}", "[{}, {}]", "---\n{}\n---\n{}\n", "{}\n...\n{}\n...\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_objects_that_follow_each_other_in_json_are_all_read(several: str, indent: int | str | None) -> None:
    text = several.format(*(json.dumps(_hpa(name), indent=indent) for name in "ab"))
    found = read(text)
    assert ([one.name for one in found.manifests], found.errors, found.documents) == (["a", "b"], [], 2)
    for one in found.manifests:
        place = one.place("metadata.name")
        assert text.splitlines()[place.line - 1][place.column - 1 :].startswith('"name"')


def test_what_is_no_text_is_an_error_only_where_it_may_be_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("title: é\n".encode("latin-1"))
    assert collect([str(tmp_path)]).errors == []
    (tmp_path / "b.yaml").write_bytes("apiVersion: v1\ntitle: é\n".encode("latin-1"))
    assert [one.text for one in collect([str(tmp_path)]).errors] == ["cannot be read: it is no UTF-8"]


def _hpa(name: str) -> dict[str, object]:
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}}


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("apiVersion: apps/v1\nkind: Deployment\nspec: a: b\n", "mapping values", 3),
        ("apiVersion: apps/v1\nkind: Deployment\nspec:\n\treplicas: 1\n", "cannot start any token", 4),
        ("apiVersion: v1\nkind: X\n---\napiVersion: apps/v1\nkind: Deployment\nspec: &a [*a]\n", "levels deep", 3),
        ("apiVersion: apps/v1\nkind: Deployment\nspec: *nowhere\n", "undefined alias", 3),
        ("apiVersion: apps/v1\nkind: Deployment\nspec: {[1]: 2}\n", "unhashable key", 3),
        ("apiVersion: apps/v1\nkind: Deployment\nspec: " + "[" * 3000, "depth", 3),
        ('{"apiVersion": "apps/v1",\n "kind": "Deployment", ', "node content", 3),
    ],
)
def test_what_is_no_yaml_is_an_error_with_its_line(text: str, problem: str, line: int) -> None:
    (error,) = read(text).errors
    assert problem in error.text and error.place.line == line
    with pytest.raises(NotYaml):
        list(parse("x", text))


def test_an_unrendered_template_is_skipped_with_a_remark() -> None:
    found = read("apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: {{ .Values.replicas }}\n")
    assert (found.manifests, found.errors) == ([], [])
    assert "template that is not rendered" in found.remarks[0].text


@pytest.mark.parametrize("text", ["just text", "a: 1\n", "name: {{ x }}: y\n", "", "kind: Deployment\n", "- 1\n- 2\n"])
def test_what_is_no_manifest_is_passed_over(text: str) -> None:
    found = read(text)
    assert (found.manifests, found.errors, found.remarks) == ([], [], [])


def test_an_unknown_tag_is_read_as_what_stands_behind_it() -> None:
    assert only("apiVersion: apps/v1\nkind: Deployment\nspec: !mine {replicas: !n 3}\n").value["spec"] == {
        "replicas": "3"
    }


def test_a_folder_is_read_in_order_without_what_is_excluded(tmp_path: Path) -> None:
    write(tmp_path, b__two=deployment(name="two"), a__one=deployment(name="one"), c__no=deployment(name="no"))
    (tmp_path / "a" / "notes.txt").write_text(deployment(name="text"), encoding="utf-8")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yaml").write_text(deployment(name="git"), encoding="utf-8")
    found = collect([str(tmp_path)], ["c"])
    assert [one.name for one in found.manifests] == ["one", "two"]
    assert found.files == 2 and found.documents == 2


def test_patches_of_a_kustomization_are_skipped(tmp_path: Path) -> None:
    kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches: [{path: hpa.yaml}]\n"
    write(tmp_path, base__all=f"{deployment()}---\n{hpa(CPU, BRAKE)}", over__kustomization=kustomization)
    write(tmp_path, over__hpa=hpa("behavior: {}"))
    found = collect([str(tmp_path)])
    assert [one.kind for one in found.manifests if one.text.file.endswith("hpa.yaml")] == []
    assert [remark.text for remark in found.remarks] == [
        "HorizontalPodAutoscaler/serving/llama is a Kustomize patch: skipped, check what it renders to"
    ]


def test_the_nearest_target_of_several_environments_is_meant(tmp_path: Path) -> None:
    gpu, web = deployment(), deployment("nginx", gpu=False)
    for folder, target in (("prod", gpu), ("docs", web)):
        write(
            tmp_path,
            **{f"{folder}__app": target.replace(", namespace: serving", ""), f"{folder}__hpa": hpa(CPU, BRAKE)},
        )

    found = {Path(one.place.file).parent.name for one in Checking(collect([str(tmp_path)])).findings()}
    assert found == {"prod"}


def test_a_path_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BadInput, match="no such file or folder"):
        collect(["nowhere/at/all"])


def test_a_file_that_is_too_large_or_no_text_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 64)
    (tmp_path / "big.yaml").write_text(deployment(), encoding="utf-8")
    (tmp_path / "bytes.yaml").write_bytes(b"apiVersion: \xff\xfe\xfa")
    (tmp_path / "wide.yaml").write_bytes("apiVersion: v1\nkind: X\n".encode("utf-16"))
    found = collect([str(tmp_path)])
    assert sorted(one.text for one in found.errors) == [
        "cannot be read: it has more than 0 MiB",
        "cannot be read: it is no UTF-8",
    ]


def test_ten_megabytes_are_read(tmp_path: Path) -> None:
    filler = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: " + "x" * 10_000 + "}\n---\n"
    text = filler * 1000 + f"{deployment()}---\n{hpa(CPU, BRAKE)}"
    (tmp_path / "all.yaml").write_text(text, encoding="utf-8")
    found = collect([str(tmp_path)])
    assert (len(found.manifests), found.documents) == (2, 1002)
    assert found.manifests[1].place("spec.metrics").line == text.splitlines().index(f"  {CPU}") + 1


def test_findings_of_one_text_twice_are_found_once() -> None:
    once = checked(deployment(), hpa(CPU, BRAKE))
    assert [one.rule for one in once] == ["ASC601"]
