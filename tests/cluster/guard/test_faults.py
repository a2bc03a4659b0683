"""Guards and API servers that die, hang and come back under load: nothing wrong passes, no increase is ever refused."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import pytest

from tests.cluster.guard.bench import Bench, Guard
from tests.cluster.guard.load import WEBHOOK, Load, ask_all, wait_until_known
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster


def test_killed_with_requests_under_way_the_policies_answer_and_a_new_one_takes_over(
    fenced: Bench, guard: Guard, start_guard: Callable[..., Guard]
) -> None:
    with Load(fenced) as load:
        load.wait_for("webhook")
        guard.kill()
        load.wait_for("policy")
        second = start_guard()
        load.wait_for("webhook")
    assert set(load.judge()) == {"webhook", "policy"}
    assert fenced.replicas() == 4
    assert second.stop() == 0


def test_one_that_hangs_costs_a_decrease_two_seconds_and_an_increase_nothing(fenced: Bench, guard: Guard) -> None:
    with Load(fenced) as load:
        load.wait_for("webhook")
        with stopped(guard):
            load.wait_for("policy", 8)
        load.wait_for("webhook")
    load.judge()
    waited = [one.seconds for one in load.asked if one.by == "policy"]
    ups = [one.seconds for one in load.asked if one.to == load.up]
    assert 1.5 < median(waited) < 2 + 3, "the API server gives up after 2 s; the rest is this machine"
    assert median(ups) < median(waited) / 2


@contextmanager
def stopped(guard: Guard) -> Iterator[None]:
    """As a process on a node that is swapped out."""
    os.kill(guard.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(guard.process.pid, signal.SIGCONT)


def test_with_every_guard_and_operator_gone_a_fence_stands_and_every_way_out_works(
    fenced: Bench, guard: Guard, installed: LocalCluster, port: int
) -> None:
    second = Guard.start(installed, port + 1, "--operator-silent-after", "3600")
    guard.kill()
    second.kill()
    assert not fenced.scale(2).done and fenced.scale(6).done and fenced.scale(4).done
    gone = json.dumps({"fences": {"deployments/llama": None}})
    assert fenced.kubectl("patch", "scalefence", "scalewarden", "--type=merge", "-p", gone).done
    fenced.cluster.wait_for(lambda: fenced.scale(2, "--dry-run=server").done, "the entry to be gone", 10)
    fenced.fence()
    binding = installed.get("validatingadmissionpolicybinding", "scalewarden-fence")
    installed.kubectl("delete", "validatingadmissionpolicybinding", "scalewarden-fence")
    try:
        fenced.cluster.wait_for(lambda: fenced.scale(2, "--dry-run=server").done, "the binding to be gone", 10)
    finally:
        binding["metadata"] = {key: binding["metadata"][key] for key in ("name", "labels", "annotations")}
        installed.apply(binding)
    fenced.cluster.wait_for(lambda: not fenced.scale(2, "--dry-run=server").done, "the binding to be back", 20)


def test_five_hundred_at_once_are_all_refused_and_counted_in_two_events(fenced: Bench, guard: Guard) -> None:
    asked = run(ask_all(fenced, [2] * 500))
    answers = {one.by for one in asked}
    assert answers <= {"webhook", "policy"}, [one for one in asked if one.by not in ("webhook", "policy")][:3]
    assert fenced.replicas() == 4
    by_guard = sum(1 for one in asked if one.by == "webhook")
    assert by_guard > 0, "not all of it may fall to the policies"

    def counts() -> list[int]:
        return [event.get("series", {}).get("count", 1) for event in fenced.events("ScaleDownRefused")]

    fenced.cluster.wait_for(lambda: len(counts()) == 2 and min(counts()) >= by_guard, f"{by_guard} to be counted", 40)
    assert max(counts()) <= len(asked), "an answer that came too late may be counted, none twice"
    (decision,) = fenced.decisions()
    assert (decision["from"], decision["to"]) == (4, 2)


def test_five_hundred_increases_at_once_all_pass(fenced: Bench, guard: Guard) -> None:
    asked = run(ask_all(fenced, range(5, 505), dry_run=True))
    assert [one for one in asked if one.by != "done"] == []


def run(coroutine: Any) -> Any:
    """In an event loop of its own."""
    return asyncio.run(coroutine)


def test_an_api_server_that_restarts_under_load_lets_nothing_through(
    fenced: Bench, guard: Guard, installed: LocalCluster
) -> None:
    with Load(fenced) as load:
        load.wait_for("webhook")
        installed.restart("apiserver")
        load.wait_for("webhook")
    answers = load.judge()
    assert answers["away"] > 0, "it was away"
    assert fenced.replicas() == 4
    assert guard.process.poll() is None and guard.get("/readyz") == 200
    guard.kill()
    # The API server may have looked for the fence's kind too early; it looks again every 30 s.
    installed.wait_for(lambda: not fenced.scale(2, "--dry-run=server").done, "the policies to have read the fence", 60)


def test_a_namespace_that_changes_its_mind_during_a_hold(fenced: Bench, guard: Guard) -> None:
    label = "scalewarden.dev/guard"
    for _ in range(2):
        assert fenced.kubectl("label", "namespace", fenced.namespace, f"{label}=disabled", "--overwrite").done
        fenced.cluster.wait_for(lambda: fenced.scale(2, "--dry-run=server").done, "it to have opted out", 15)
        assert "Warning" not in fenced.scale(2, "--dry-run=server").said
        assert fenced.kubectl("label", "namespace", fenced.namespace, f"{label}=enabled", "--overwrite").done
        wait_until_known(fenced)
        assert not fenced.scale(2).done and fenced.scale(6, "--dry-run=server").done


PATCHES = {
    "null on the parent means one": ("", '{"spec":{"replicas":null}}'),
    "null on the scale means zero": ("--subresource=scale", '{"spec":{"replicas":null}}'),
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES.keys())
def test_no_count_is_a_decrease_like_any_other(fenced: Bench, guard: Guard, patch: tuple[str, str]) -> None:
    more = [patch[0]] if patch[0] else []
    answer = fenced.kubectl("patch", "deployment", "llama", "--type=merge", "-p", patch[1], *more)
    assert not answer.done and WEBHOOK in answer.said
    guard.kill()
    answer = fenced.kubectl("patch", "deployment", "llama", "--type=merge", "-p", patch[1], *more)
    assert not answer.done and "(Forbidden)" in answer.said and fenced.replicas() == 4


def test_a_deployment_of_a_mebibyte_is_refused_by_the_guard(fenced: Bench, guard: Guard) -> None:
    obj = fenced.cluster.get("deployment", "llama", fenced.namespace)
    del obj["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]  # at most 256 KiB
    env = [{"name": "LARGE", "value": "x" * 1_000_000}]
    obj["spec"]["template"]["spec"]["containers"][0]["env"] = env
    assert fenced.kubectl("replace", "-f", "-", obj=obj).done
    answer = fenced.kubectl("patch", "deployment", "llama", "-p", '{"spec":{"replicas":2}}')
    assert not answer.done and WEBHOOK in answer.said


def test_whoever_asks_is_named_in_their_own_script(fenced: Bench, guard: Guard, installed: LocalCluster) -> None:
    name = "Zoë 用户"
    fenced.kubectl("create", "rolebinding", "zoe", "--clusterrole=edit", f"--user={name}")
    config = installed.user_kubeconfig(name)

    def refused() -> bool:
        scale = ("scale", "deployment", "llama", "--replicas=2", "-n", fenced.namespace)
        return WEBHOOK in installed.kubectl(*scale, kubeconfig=config, check=False).stderr

    installed.wait_for(refused, "the rolebinding, and then a refusal", 15)
    told = installed.wait_for(lambda: fenced.events("ScaleDownRefused"), "the event", 15)
    assert told[0]["note"].startswith(f"{name}: deployments/scale 4→2. ")
