"""What `doctor` says of a service, and how: grouped, required first, 80 columns."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from scalewarden.model.signal import Absent, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.surfaces.examination import SERVICE, blocks, examine, summary
from scalewarden.surfaces.examination_json import document
from scalewarden.surfaces.examination_text import show
from scalewarden.surfaces.self_test import Answer, Asked, Installed, SelfTest, answer_of, expected
from tests import builders as build

N = SignalName
ALL = (("webhook scalewarden-guard", Installed.YES), ("policy scalewarden-fence", Installed.YES))


def screen(snapshot: Snapshot, width: int = 80, test: SelfTest | None = None) -> str:
    out = StringIO()
    show(examine(snapshot), Console(file=out, width=width, highlight=False), test, ("you may not list services",))
    return out.getvalue()


def service(*kv: object, **more: object) -> Snapshot:
    return build.snapshot([build.replica(f"chat-{index}", kv=value) for index, value in enumerate(kv)], **more)


def test_values_are_given_once_for_all_replicas() -> None:
    found = {(one.name, one.scope): one for one in examine(service(0.81, 0.93, 0.9, 0.85)).found}
    kv = found[N.KV_USAGE, "replica"]
    assert (kv.replicas, kv.least, kv.greatest, kv.unit) == (4, 0.81, 0.93, "fraction")


def test_what_some_replicas_lack_is_said_with_how_many() -> None:
    examination = examine(service(0.8, Absent("the pod answers HTTP 404"), Absent("the pod answers HTTP 404"), 0.9))
    [missing] = [one for one in examination.missing if one.name is N.KV_USAGE]
    assert (missing.replicas, missing.cause) == (2, "the pod answers HTTP 404")
    assert "spec.metrics.port" in missing.remedy
    assert examination.deciding == (N.KV_USAGE,)
    assert "; no removal is allowed without kv_usage." in summary(examination)
    said = screen(service(0.8, Absent("the pod answers HTTP 404"), Absent("the pod answers HTTP 404"), 0.9))
    assert "kv_usage*" in said and "2 of 4 replicas: the pod answers HTTP 404" in said


def test_nothing_that_decides() -> None:
    examination = examine(service(0.8, 0.9))
    assert examination.deciding == () and examination.lacking
    assert summary(examination).endswith("; nothing that decides.")


def test_a_signal_that_no_engine_replica_exports_for_good_does_not_decide() -> None:
    never = Absent("TGI does not export it", for_good=True)
    assert N.KV_USAGE not in examine(service(never, never)).deciding


def test_required_signals_come_first_and_what_nobody_reads_last() -> None:
    examination = examine(service(Absent("the pod answers HTTP 404"), 0.5))
    listed = blocks(examination.missing)
    assert listed[0][1][0] is N.KV_USAGE
    assert listed[-1][0].cause == "no source was asked for it"


def test_every_canonical_signal_is_there_or_missing() -> None:
    examination = examine(service(0.5))
    assert {one.name for one in (*examination.found, *examination.missing)} == set(SignalName)  # type: ignore[attr-defined]


def test_without_replicas_the_summary_says_so() -> None:
    assert summary(examine(build.snapshot([]))) == "No replica is ready, so no signal can be read."
    assert "No replica is ready" in screen(build.snapshot([]))


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_and_reads_without_colour(width: int) -> None:
    test = SelfTest((Asked(2, 1, Answer.BY_POLICY, "x" * 300), Asked(2, 3, Answer.ALLOWED)), 2, True, ALL)
    said = screen(service(0.8, 0.9), width, test)
    assert max(map(len, said.splitlines())) <= width
    assert "\x1b" not in said
    assert "note: you may not list services" in said
    assert "→ " in said and "Fence self-test" in said


def test_the_document_is_json_with_remedies() -> None:
    found = document(examine(service(0.8)), SelfTest((Asked(1, 0, Answer.ALLOWED),), 1, None, ALL), ("note",))
    found = json.loads(json.dumps(found))
    assert found["missingRequired"] == [] and found["fence"]["asExpected"] is False
    absent = [one for one in found["signals"] if one["absent"]]
    assert absent and all(one["remedy"] and one["min"] is None for one in absent)
    assert any(one["scope"] == SERVICE for one in found["signals"])


POLICY = (
    "deployments.apps \"llama\" is forbidden: ValidatingAdmissionPolicy 'scalewarden-fence' with binding "
    "'scalewarden-fence' denied request: Scalewarden: KVCachePressure: no"
)
WEBHOOK = 'admission webhook "guard.scalewarden.dev" denied the request: Scalewarden: KVCachePressure: no'
RBAC = 'deployments.apps "llama" is forbidden: User "eve" cannot patch resource "deployments/scale" in API group "apps"'


@pytest.mark.parametrize(
    ("status", "message", "answer"),
    [
        (403, POLICY, Answer.BY_POLICY),
        (403, WEBHOOK, Answer.BY_WEBHOOK),
        (403, RBAC, Answer.FORBIDDEN),
        (0, "no answer", Answer.FAILED),
        (503, "down", Answer.FAILED),
        (404, "not found", Answer.FAILED),
    ],
)
def test_who_refused(status: int, message: str, answer: Answer) -> None:
    assert answer_of(status, message) is answer


@pytest.mark.parametrize(
    ("asked", "floor", "right"),
    [
        (Asked(4, 3, Answer.BY_POLICY), 4, True),
        (Asked(4, 3, Answer.ALLOWED), 4, False),
        (Asked(4, 3, Answer.ALLOWED), 3, True),
        (Asked(4, 3, Answer.BY_POLICY), 3, False),
        (Asked(4, 3, Answer.ALLOWED), None, True),
        (Asked(4, 5, Answer.ALLOWED), 6, True),
        (Asked(4, 5, Answer.BY_WEBHOOK), 6, False),
        (Asked(4, 3, Answer.FORBIDDEN), 4, None),
    ],
)
def test_what_should_have_been_answered(asked: Asked, floor: int | None, right: bool | None) -> None:
    assert expected(asked, floor) is right


def test_why_a_fence_refuses_nothing_is_said() -> None:
    open_fence = (Asked(4, 3, Answer.ALLOWED),)
    said = screen(service(0.5), 80, SelfTest(open_fence, 4, False, ALL))
    assert "but the fence stands at 4" in said and "is not opted in" in said
    gone = (("policy scalewarden-fence", Installed.NO),)
    assert "missing: policy scalewarden-fence" in screen(service(0.5), 120, SelfTest(open_fence, 4, True, gone))


def test_what_a_source_adds_in_brackets_makes_no_row_of_its_own() -> None:
    replicas = [build.replica(f"chat-{index}", kv=0.5) for index in range(2)]
    numbered = [
        replace(one, signals={**one.signals, N.KV_USAGE: replace(one.signals[N.KV_USAGE], source=f"kv ({index} of x)")})  # type: ignore[type-var]
        for index, one in enumerate(replicas)
    ]
    [kv] = [one for one in examine(build.snapshot(numbered)).found if one.name is N.KV_USAGE]
    assert (kv.replicas, kv.source) == (2, "kv")
