"""Several services as a table in the columns of `kubectl get infd`."""

import pytest

from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_manifest import manifests
from scalewarden.surfaces.explain_list import HEADINGS, WIDE, Listed, age, as_json, lines
from tests.unit.cli.test_explain import STATUS
from tests.unit.model.objects import deployment

JUDGED = Listed(InferenceDeployment.parse({**deployment({}), "status": STATUS}), 3 * 86400.0)
NEW = Listed(InferenceDeployment.parse(deployment({}, name="new", namespace="web")), 45.0)


def test_the_columns_are_those_of_kubectl() -> None:
    (version,) = next(one for one in manifests() if one["spec"]["names"]["kind"] == "InferenceDeployment")["spec"][
        "versions"
    ]
    columns = version["additionalPrinterColumns"]
    plain = [one["name"].upper() for one in columns if not one.get("priority")]
    wide = [one["name"].upper() for one in columns if one.get("priority")]
    assert (list(HEADINGS[1:]), list(WIDE)) == (plain, wide)


def test_what_is_not_known_is_said_as_kubectl_says_it() -> None:
    head, judged, new = (line.split() for line in lines([JUDGED, NEW], namespaces=True))
    assert head[0] == "NAMESPACE"
    assert judged == ["serving", "llama-70b", "llama-70b", "<none>", "4", "KVCacheBound", "Enforce", "False", "3d"]
    assert new == ["web", "new", "llama-70b", "<none>", "<none>", "<none>", "Enforce", "<none>", "45s"]
    assert "NAMESPACE" not in lines([JUDGED])[0]


def test_wide_has_the_numbers_and_the_sentence_and_is_never_cut() -> None:
    line = lines([JUDGED], wide=True)[1]
    assert line.endswith("0.93   12        1810       a removal would fill the KV cache")


def test_columns_stand_below_their_headings() -> None:
    for line in (table := lines([JUDGED, NEW], wide=True)):
        assert line[table[0].index("TARGET") - 1] == " " and line[table[0].index("REGIME") - 1] == " "


def test_a_narrow_terminal_gets_narrower_gaps() -> None:
    wide, narrow = lines([JUDGED], room=200)[0], lines([JUDGED], room=80)[0]
    assert wide == lines([JUDGED])[0] and len(wide) - len(narrow) == len(HEADINGS) - 1
    assert len(narrow) <= 80


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "<unknown>"), (-3.0, "0s"), (119.0, "119s"), (120.0, "2m"), (7199.0, "119m"), (7200.0, "2h"),
     (172799.0, "47h"), (172800.0, "2d")],
)  # fmt: skip
def test_ages(seconds: float | None, said: str) -> None:
    assert age(seconds) == said


def test_programs_get_the_status_as_written() -> None:
    found = as_json(JUDGED.found)
    assert (found["inferenceDeployment"], found["mode"]) == ("serving/llama-70b", "Enforce")
    assert isinstance(found["status"], dict) and found["status"]["safeReplicas"] == 4
