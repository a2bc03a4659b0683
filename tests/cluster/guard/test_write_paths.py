"""Every cell of docs/reference/write-paths.md on a real API server: each way to a lower count, with parts gone."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.guard.bench import Answer, Bench, Guard
from tests.cluster.guard.ways import COUNTS, WAYS, Writer, writer_of
from tests.cluster.keda import keda
from tests.cluster.operator_process import OperatorProcess
from tools.docs.write_paths_table import PATHS, Outcome, State
from tools.docs.write_paths_table import Path as Row
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

REASON = "Scalewarden: KVCachePressure: the KV cache of the replicas that stay would overflow; the safe count is 4."
HELD = "Scalewarden: Stabilizing: it has not been safe for long enough; the safe count is 4."
ENTRY = "deployments/llama"
LONG_AGO = "2025-01-01T00:00:00Z"
SWEEP = 15.0
"""Seconds within which the janitor, which looks every 5, or the operator has taken an entry away."""
ENDS = {"delete-target", "delete-service"}
"""Paths after which nothing is left to go another one."""


@pytest.fixture(scope="module", params=list(State), ids=lambda state: state.replace(" ", "-"))
def state(request: pytest.FixtureRequest, start_guard: Callable[..., Guard]) -> Iterator[State]:
    """One column of the table; a guard runs in the first."""
    guard = start_guard() if request.param is State.GUARD_UP else None
    yield request.param
    if guard:
        assert guard.stop() == 0 and "Traceback" not in guard.log.read_text()


def fenced(cluster: LocalCluster, state: State) -> Bench:
    """A judged service of 4: nobody below 3, autoscalers not below 4. With all down the fence has expired long ago."""
    bench = Bench.make(cluster)
    bench.judge(safe=4)
    bench.fence()
    if state is State.ALL_DOWN:
        patch = json.dumps({"fences": {ENTRY: {"expiresAt": LONG_AGO}}})
        assert bench.kubectl("patch", "scalefence", "scalewarden", "--type=merge", "-p", patch).done
    said = "admission webhook" if state is State.GUARD_UP else "ValidatingAdmissionPolicy"
    cluster.wait_for(lambda: said in bench.scale(0, "--dry-run=server").said, f"to be answered by the {said}", 20)
    return bench


@pytest.fixture(scope="module")
def shared(installed: LocalCluster, state: State) -> Iterator[Bench]:
    """One service for all paths of a column that leave it as it is."""
    installed.apply(keda())
    installed.wait_for(lambda: installed.list("scaledobjects") is not None, "KEDA's kind to be served", 15)
    bench = fenced(installed, state)
    yield bench
    installed.kubectl("delete", "namespace", bench.namespace, "--wait=false")


@pytest.mark.parametrize("row", PATHS, ids=lambda row: row.key)
def test_each_path_meets_what_the_page_says(
    state: State, row: Row, shared: Bench, installed: LocalCluster, tmp_path: Path
) -> None:
    bench = fenced(installed, state) if row.key in ENDS else shared
    outcome, writer = row.outcome(state), writer_of(row.key, bench, tmp_path)
    with operator_of(bench, tmp_path, runs=outcome is Outcome.FOLLOWED):
        CHECKS[outcome](row, writer, WAYS[row.key](writer))


@contextmanager
def operator_of(bench: Bench, folder: Path, *, runs: bool) -> Iterator[None]:
    """The real operator of one namespace under the chart's account, where it runs, once it leads and has judged."""
    if not runs:
        yield
        return
    token = bench.cluster.token("scalewarden", "scalewarden-operator")
    config = bench.cluster.kubeconfig_for(token, "operator")
    flags = ("-n", bench.namespace, "--lease-namespace", "scalewarden")
    with OperatorProcess(config, folder / "operator.log", *flags) as process:
        bench.cluster.wait_for(lambda: "scalewarden_leader 1.0" in process.page("/metrics"), "an operator to lead", 40)
        bench.cluster.wait_for(lambda: bench.fences()[ENTRY]["reason"] != "KVCachePressure", "a fence of its own", 20)
        yield
        assert "Traceback" not in process.log, process.log


def refused(row: Row, writer: Writer, answer: Answer, by: str) -> None:
    """Nothing was written, and the line says why."""
    line = HELD if row.key == "hpa" else REASON
    assert not answer.done and by in answer.said, answer.said
    assert f"{line} Evidence: kubectl describe infd llama -n {writer.bench.namespace}" in answer.said
    assert "(Forbidden)" in answer.said or "is forbidden" in answer.said or "denied the request" in answer.said
    assert writer.bench.replicas() == 4


def refused_by_the_guard(row: Row, writer: Writer, answer: Answer) -> None:
    hook = "guard" if row.writes.startswith("deployments") else "autoscalers.guard"
    refused(row, writer, answer, f'admission webhook "{hook}.scalewarden.dev" denied the request: ')

    def told() -> list[dict[str, Any]]:
        reasons = ("ScaleDownRefused", "ScaleDownHeld")
        events = [event for reason in reasons for event in writer.bench.events(reason)]
        return [event for event in events if event["note"].startswith(f"{writer.user}: ")]

    events = writer.bench.cluster.wait_for(told, "an event that names who asked", 15)
    count = f"→{COUNTS.get(row.key, 2)}"
    assert all(row.writes in event["note"] and count in event["note"] for event in events)


def policy_of(row: Row) -> str:
    name = "scalewarden-fence" if row.writes.startswith("deployments") else "scalewarden-autoscalers"
    return f"ValidatingAdmissionPolicy '{name}'"


def refused_by_the_policy(row: Row, writer: Writer, answer: Answer) -> None:
    refused(row, writer, answer, policy_of(row))
    assert writer.bench.events("ScaleDownRefused") == writer.bench.events("ScaleDownHeld") == []


def refused_until_the_entry_is_gone(row: Row, writer: Writer, answer: Answer) -> None:
    refused_by_the_policy(row, writer, answer)
    assert writer.bench.fences()[ENTRY]["expiresAt"] == LONG_AGO


def passes(row: Row, writer: Writer, answer: Answer) -> None:
    assert answer.done and "Warning" not in answer.said, answer.said
    if row.key == "delete-target":
        assert not writer.bench.kubectl("get", "deployment", "llama").done
    else:
        assert writer.bench.replicas() == 4, "no pod that goes lowers the count"


def warned(row: Row, writer: Writer, answer: Answer) -> None:
    said = "Deployment/llama is no longer guarded: unsafe scale-downs of it pass from now on"
    assert answer.done and f"Warning: Scalewarden: {said}" in answer.said
    bench = writer.bench
    (event,) = bench.cluster.wait_for(lambda: bench.events("GuardDegraded"), "an event", 15)
    assert event["note"] == f"{writer.user}: delete inferencedeployments/llama, {said}"
    assert (event["regarding"]["kind"], event["related"]["kind"]) == ("InferenceDeployment", "Deployment")
    bench.cluster.wait_for(lambda: ENTRY not in bench.fences(), "the janitor to remove the entry", SWEEP)
    bench.cluster.wait_for(lambda: bench.scale(1).done, "the policy to let it pass", 10)


def followed(row: Row, writer: Writer, answer: Answer) -> None:
    bench = writer.bench
    assert answer.done and "Warning" not in answer.said
    bench.cluster.wait_for(lambda: ENTRY not in bench.fences(), "the operator to remove the entry", SWEEP)
    (event,) = bench.cluster.wait_for(lambda: bench.events("GuardDegraded"), "an event", 15)
    assert event["note"] == "InferenceDeployment llama was deleted: unsafe scale-downs of it pass from now on"
    assert (event["regarding"]["kind"], event["related"]["kind"]) == ("Deployment", "InferenceDeployment")
    described = bench.kubectl("describe", "deployment", "llama").said
    assert "GuardDegraded" in described, "found by those who look at the target"
    bench.cluster.wait_for(lambda: bench.scale(1).done, "the policy to let it pass", 10)


def left(row: Row, writer: Writer, answer: Answer) -> None:
    bench = writer.bench
    assert answer.done and "Warning" not in answer.said
    again = bench.scale(2)
    assert not again.done and REASON in again.said
    remove = ("patch", "scalefence", "scalewarden", "--type=merge", "-p", json.dumps({"fences": {ENTRY: None}}))
    assert bench.kubectl(*remove).done
    bench.cluster.wait_for(lambda: bench.scale(2).done, "the policy to let it pass", 10)


def judged_later(row: Row, writer: Writer, answer: Answer) -> None:
    assert answer.done and "Warning" not in answer.said
    then = WAYS["put-scale"](writer_of("keda", writer.bench, writer.folder))
    assert not then.done and policy_of(PATHS[0]) in then.said and writer.bench.replicas() == 4


CHECKS: dict[Outcome, Callable[[Row, Writer, Answer], None]] = {
    Outcome.REFUSED: refused_by_the_guard,
    Outcome.BY_POLICY: refused_by_the_policy,
    Outcome.UNTIL_REMOVED: refused_until_the_entry_is_gone,
    Outcome.PASSES: passes,
    Outcome.WARNED: warned,
    Outcome.FOLLOWED: followed,
    Outcome.LEFT: left,
    Outcome.JUDGED_LATER: judged_later,
}


@pytest.mark.parametrize("key", [row.key for row in PATHS if row.writes.startswith("deployments")])
def test_each_way_is_one_where_nothing_is_fenced(key: str, free: Bench, tmp_path: Path) -> None:
    writer = writer_of(key, free, tmp_path)
    assert WAYS[key](writer).done
    if key == "delete-target":
        assert not free.kubectl("get", "deployment", "llama").done
        return
    assert free.replicas() == writer.to
    assert free.scale(4).done


@pytest.fixture(scope="module")
def free(installed: LocalCluster) -> Iterator[Bench]:
    """A described service without a fence, and no guard."""
    bench = Bench.make(installed)
    yield bench
    installed.kubectl("delete", "namespace", bench.namespace, "--wait=false")


def test_with_all_down_removing_the_entry_is_the_way_out(installed: LocalCluster) -> None:
    """With a guard the entry goes by itself once it has expired (test_janitor.py)."""
    bench = fenced(installed, State.ALL_DOWN)
    assert not bench.scale(2).done
    remove = ("patch", "scalefence", "scalewarden", "--type=merge", "-p", json.dumps({"fences": {ENTRY: None}}))
    assert bench.kubectl(*remove).done
    bench.cluster.wait_for(lambda: bench.scale(2).done, "the policy to let it pass", 10)
