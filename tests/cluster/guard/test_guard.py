"""A guard process under the chart's ServiceAccount: what people, pipelines and the real HPA controller meet."""

import json
from collections.abc import Callable, Iterator

import pytest

from scalewarden.model.policy import Mode
from tests.cluster.guard.bench import CPU, HPA_CONTROLLER, WAITING, Answer, Bench, Guard
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

WEBHOOK = 'admission webhook "guard.scalewarden.dev" denied the request: Scalewarden: KVCachePressure: '
SECRET = ("get", "secret", "scalewarden-guard-tls", "-n", "scalewarden", "-o", "json")


@pytest.fixture(scope="module")
def guard(start_guard: Callable[..., Guard]) -> Guard:
    """The guard of this module."""
    return start_guard()


@pytest.fixture
def fenced(guard: Guard, bench: Bench) -> Bench:
    """A judged service: nobody below 3, autoscalers not below 4."""
    bench.judge(safe=4)
    bench.fence()
    wait_until_known(bench)
    return bench


def wait_until_known(bench: Bench) -> None:
    """Until the guard answers for the policy: it hears of new objects a moment after the API server does."""
    bench.cluster.wait_for(
        lambda: "admission webhook" in bench.scale(0, "--dry-run=server").said, "the guard to know the service", 15
    )


def test_a_person_is_refused_with_403_and_it_is_told(fenced: Bench) -> None:
    answer = fenced.scale(2)
    assert not answer.done
    assert f"(Forbidden): {WEBHOOK}" in answer.said
    assert f"the safe count is 4. Evidence: kubectl describe infd llama -n {fenced.namespace}" in answer.said
    told = fenced.cluster.wait_for(lambda: pair(fenced, "ScaleDownRefused"), "events on both objects", 15)
    assert told == {("InferenceDeployment", "Deployment"), ("Deployment", "InferenceDeployment")}
    (event, _) = fenced.events("ScaleDownRefused")
    assert event["note"].startswith("admin: deployments/scale 4→2. Scalewarden: KVCachePressure: ")
    assert (event["type"], event["reportingController"]) == ("Warning", "scalewarden-guard")
    (decision,) = fenced.cluster.wait_for(fenced.decisions, "the decision in status", 15)
    assert {key: decision[key] for key in ("actor", "path", "from", "to", "verdict", "reason")} == {
        "actor": "admin",
        "path": "deployments/scale",
        "from": 4,
        "to": 2,
        "verdict": "Deny",
        "reason": "KVCachePressure",
    }
    described = fenced.kubectl("describe", "infd", "llama").said
    assert "ScaleDownRefused" in described and "scalewarden-guard" in described


def pair(bench: Bench, reason: str) -> set[tuple[str, str]]:
    """Kinds of the objects that events of one reason are about and related to, once there are two."""
    found = {(event["regarding"]["kind"], event["related"]["kind"]) for event in bench.events(reason)}
    return found if len(found) == 2 else set()


def test_between_the_floors_a_person_is_warned(fenced: Bench) -> None:
    answer = fenced.scale(3)
    assert answer.done and "Warning: Scalewarden: Stabilizing: " in answer.said
    assert fenced.cluster.wait_for(lambda: fenced.events("ScaleDownWarned"), "an event", 15)


def test_to_the_safe_count_and_upwards_passes(fenced: Bench) -> None:
    up = fenced.scale(6)
    assert up.done and "Warning" not in up.said
    down = fenced.autoscale(4)
    assert down.done and fenced.replicas() == 4
    told = fenced.cluster.wait_for(lambda: fenced.events("ScaleDownAllowed"), "an event", 15)
    assert all(event["type"] == "Normal" and "6→4" in event["note"] for event in told)


def test_a_dry_run_leaves_no_trace(fenced: Bench, guard: Guard) -> None:
    for _ in range(3):
        assert not fenced.scale(1, "--dry-run=server").done
    assert not fenced.scale(2).done
    fenced.cluster.wait_for(fenced.decisions, "the real attempt, which came last, to be told", 15)
    assert {event["note"].partition(".")[0] for event in fenced.events("ScaleDownRefused")} == {
        "admin: deployments/scale 4→2"
    }
    assert [decision["to"] for decision in fenced.decisions()] == [2]


def test_the_hpa_controller_gets_the_reason_and_goes_on_asking(fenced: Bench) -> None:
    disabled = {"scaleDown": {"selectPolicy": "Disabled"}}
    assert fenced.kubectl("apply", "-f", "-", obj=fenced.hpa(WAITING, behavior=disabled)).done
    fenced.fence(nobody=9, autoscalers=9)
    assert fenced.scale(9).done, "over the HPA's maximum of 8, to which it goes back past any behavior"

    def refused() -> str:
        conditions = fenced.cluster.get("hpa", "llama", fenced.namespace).get("status", {}).get("conditions", [])
        return next((one["message"] for one in conditions if one["reason"] == "FailedUpdateScale"), "")

    said = fenced.cluster.wait_for(refused, "the HPA controller to be refused", 60)
    assert WEBHOOK in said and "the safe count is 9" in said
    assert fenced.replicas() == 9
    failed = fenced.cluster.wait_for(lambda: fenced.events("FailedRescale"), "the controller's own event", 30)
    assert WEBHOOK in failed[0]["note"]

    def series() -> set[str]:
        found = fenced.events("ScaleDownRefused")
        return {e["regarding"]["kind"] for e in found if e.get("series", {}).get("count", 1) > 1}

    assert fenced.cluster.wait_for(series, "repeated attempts to be one series", 60)
    notes = {event["note"].partition(". ")[0] for event in fenced.events("ScaleDownRefused")}
    assert notes == {f"{HPA_CONTROLLER}: deployments/scale 9→8"}
    kinds = {event["regarding"]["kind"] for event in fenced.events("ScaleDownRefused")}
    assert kinds == {"InferenceDeployment", "HorizontalPodAutoscaler"}
    assert len(fenced.decisions()) == 1, "a repetition is no new decision"
    assert "ScaleDownRefused" in fenced.kubectl("describe", "hpa", "llama").said


def test_trim_gives_an_autoscaler_the_safe_count(guard: Guard, bench: Bench) -> None:
    bench.cluster.apply(bench.service(autoscalerScaleDown="Trim"))
    bench.judge(safe=3)
    bench.fence(nobody=3, autoscalers=3)
    wait_until_known(bench)
    answer = bench.autoscale(1)
    assert answer.done and bench.replicas() == 3
    assert bench.cluster.wait_for(lambda: bench.events("ScaleDownTrimmed"), "an event", 15)
    assert not bench.scale(1).done, "people are not trimmed"


def test_warn_warns_and_observe_only_remembers(guard: Guard, bench: Bench) -> None:
    bench.cluster.apply(bench.service(mode="Warn"))
    bench.judge(safe=4)
    answer = bench.cluster.wait_for(
        lambda: (found := bench.scale(3, "--dry-run=server")) and "Warning" in found.said and found, "a warning", 15
    )
    assert answer.done and "the safe count is 4" in answer.said
    bench.cluster.apply(bench.service(mode="Observe"))
    bench.cluster.wait_for(lambda: "Warning" not in bench.scale(3, "--dry-run=server").said, "silence", 15)
    assert bench.scale(3).done
    (decision,) = bench.cluster.wait_for(bench.decisions, "the decision", 15)
    assert (decision["to"], decision["verdict"]) == (3, "Hold")
    assert bench.events("ScaleDownWarned") == []


def test_an_hpa_on_cpu_is_warned_about_refused_where_enforced_and_told(guard: Guard, bench: Bench) -> None:
    bench.write_fence({}, Mode.WARN)
    hpa = bench.hpa(CPU)

    def dry_run() -> Answer:
        return bench.kubectl("apply", "--dry-run=server", "-f", "-", obj=hpa)

    bench.cluster.wait_for(lambda: "Warning: Scalewarden: ASC601: " in dry_run().said, "the guard to warn", 15)
    answer = bench.kubectl("apply", "-f", "-", obj=hpa)
    assert answer.done and "Warning: Scalewarden: ASC601: " in answer.said
    told = bench.cluster.wait_for(lambda: bench.events("AutoscalerUnsound"), "an event", 15)
    assert told[0]["note"].startswith("admin: create horizontalpodautoscalers/llama, warned. Scalewarden: ASC601: ")
    assert bench.kubectl("delete", "hpa", "llama").done
    bench.write_fence({}, Mode.ENFORCE)
    webhook = 'admission webhook "autoscalers.guard.scalewarden.dev" denied the request: Scalewarden: ASC601: '
    bench.cluster.wait_for(lambda: webhook in dry_run().said, "it to be enforced", 15)
    refused = bench.kubectl("apply", "-f", "-", obj=hpa)
    assert "(Forbidden)" in refused.said and webhook in refused.said


def test_it_counts_what_it_answers(fenced: Bench, guard: Guard) -> None:
    fenced.scale(2)
    page = guard.page()
    assert 'scalewarden_verdicts_total{decision="Deny",path="deployments/scale",reason="KVCachePressure"}' in page
    assert 'scalewarden_watch_age_seconds{resource="scalefences"}' in page
    assert guard.get("/livez") == guard.get("/readyz") == 200


def test_break_glass_lifts_refusals_as_soon_as_the_janitor_has_seen_it(fenced: Bench) -> None:
    glass = ("scalewarden.dev/break-glass=incident 12", "scalewarden.dev/break-glass-until=2099-01-01T00:00:00Z")
    assert fenced.kubectl("annotate", "infd", "llama", *glass).done
    fenced.cluster.wait_for(lambda: fenced.scale(1).done, "the fence to be lifted", 20)
    assert fenced.fences() == {}
    (event, *_) = fenced.cluster.wait_for(lambda: fenced.events("BreakGlassUsed"), "an event", 15)
    assert "4→1" in event["note"] and "incident 12" in event["note"]


class TestLosses:
    """Guards that come and go; last, since it ends the module's guard."""

    @pytest.fixture(autouse=True)
    def _again(self, start_guard: Callable[..., Guard], guard: Guard) -> Iterator[None]:
        yield

    def test_killed_the_policy_goes_on_refusing_with_the_same_words(
        self, fenced: Bench, guard: Guard, start_guard: Callable[..., Guard]
    ) -> None:
        with_guard = fenced.scale(2).said
        guard.kill()
        without = fenced.scale(2)
        assert not without.done and "ValidatingAdmissionPolicy 'scalewarden-fence'" in without.said
        text = "Scalewarden: KVCachePressure: "
        assert without.said.partition(text)[2] == with_guard.partition(text)[2]
        assert fenced.scale(5).done
        second = start_guard()
        wait_until_known(fenced)
        assert second.stop() == 0, second.log.read_text()

    def test_an_api_server_that_restarts_finds_it_again(
        self, bench: Bench, start_guard: Callable[..., Guard], installed: LocalCluster
    ) -> None:
        guard = start_guard()
        bench.judge(safe=4)
        bench.fence()
        wait_until_known(bench)
        installed.restart("apiserver")
        installed.wait_for(lambda: not bench.scale(2, "--dry-run=server").done, "the fence after the restart", 30)
        wait_until_known(bench)
        assert guard.process.poll() is None and guard.get("/readyz") == 200
        assert "Traceback" not in guard.log.read_text()
        guard.stop()

    def test_two_guards_share_one_authority(self, installed: LocalCluster, start_guard: Callable[..., Guard]) -> None:
        first = start_guard()
        before = json.loads(installed.kubectl(*SECRET).stdout)["data"]
        first.stop()
        start_guard().stop()
        assert json.loads(installed.kubectl(*SECRET).stdout)["data"] == before
        webhooks = installed.get("mutatingwebhookconfiguration", "scalewarden-guard")["webhooks"]
        assert {hook["clientConfig"]["caBundle"] for hook in webhooks} == {before["ca.crt"]}

    def test_a_ceiling_for_everybody(self, bench: Bench, start_guard: Callable[..., Guard]) -> None:
        guard = start_guard("--max-mode", "Warn", "--operator-silent-after", "3600")
        bench.judge(safe=4)
        bench.write_fence({})
        warned = bench.cluster.wait_for(
            lambda: (found := bench.scale(2)) and "Warning: Scalewarden" in found.said and found, "a warning", 15
        )
        assert warned.done
        guard.stop()
