"""Whose an annotation is, and what to apply so that an object says what is wanted."""

import pytest

from scalewarden.model.marks import PAUSE

KEY, OURS = PAUSE.key, PAUSE.ours
BOTH = {KEY: "true", OURS: "true"}


@pytest.mark.parametrize(
    ("there", "wanted", "change"),
    [
        ({}, "true", BOTH),
        ({"else": "x"}, "true", BOTH),
        (BOTH, "true", None),
        (BOTH, None, {}),
        ({}, None, None),
        ({KEY: "true"}, "true", None),
        ({KEY: "true"}, None, None),
        ({KEY: "false"}, "true", None),
        ({KEY: "false", OURS: "true"}, "true", {}),
        ({KEY: "false", OURS: "true"}, None, {}),
        ({OURS: "true"}, None, {}),
        ({OURS: "true"}, "true", BOTH),
        ({KEY: "-3", OURS: "-3"}, "-1", {KEY: "-1", OURS: "-1"}),
    ],
)
def test_only_what_is_ours_or_nobodys_is_written(
    there: dict[str, str], wanted: str | None, change: dict[str, str] | None
) -> None:
    assert PAUSE.change(there, wanted) == change


@pytest.mark.parametrize(
    ("there", "foreign", "own"),
    [({}, False, None), (BOTH, False, "true"), ({KEY: "true"}, True, None), ({KEY: "false", OURS: "true"}, True, None)],
)
def test_what_carries_no_mark_of_ours_is_somebody_elses(there: dict[str, str], foreign: bool, own: str | None) -> None:
    assert (PAUSE.foreign(there), PAUSE.own(there)) == (foreign, own)
