"""The API client against a real API server: what it writes, what it watches, how it fails."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from scalewarden.errors import BadInput
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kubeconnection import Connect
from scalewarden.sources.kuberesource import DEPLOYMENTS, Resource
from scalewarden.sources.kubewatch import Gone, Listed, Lost, News, Put, follow
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")


@pytest_asyncio.fixture
async def api(cluster: LocalCluster) -> AsyncIterator[KubeApi]:
    async with KubeApi.open(Connect(cluster.kubeconfig)) as opened:
        yield opened


def config_map(namespace: str, name: str, **data: str) -> dict:
    return {"metadata": {"namespace": namespace, "name": name}, "data": data}


async def test_apply_owns_its_fields_only(api: KubeApi, namespace: str) -> None:
    await api.create(CONFIG_MAPS, config_map(namespace, "a", theirs="1"), manager="someone")
    await api.apply(CONFIG_MAPS, config_map(namespace, "a", ours="1"), manager="tester")
    applied = await api.apply(CONFIG_MAPS, config_map(namespace, "a", other="2"), manager="tester")
    assert applied["data"] == {"theirs": "1", "other": "2"}


async def test_apply_without_force_meets_the_owner_of_the_field(api: KubeApi, namespace: str) -> None:
    await api.apply(CONFIG_MAPS, config_map(namespace, "a", field="1"), manager="someone")
    with pytest.raises(ApiError, match="someone") as caught:
        await api.apply(CONFIG_MAPS, config_map(namespace, "a", field="2"), manager="tester", force=False)
    assert caught.value.conflict


async def test_merge_with_a_stale_version_is_a_conflict(api: KubeApi, namespace: str) -> None:
    first = await api.create(CONFIG_MAPS, config_map(namespace, "a", n="1"), manager="tester")
    await api.merge(CONFIG_MAPS, namespace, "a", {"data": {"n": "2"}}, manager="tester")
    stale = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "data": {"n": "3"}}
    with pytest.raises(ApiError) as caught:
        await api.merge(CONFIG_MAPS, namespace, "a", stale, manager="tester")
    assert caught.value.conflict
    assert (await api.get(CONFIG_MAPS, namespace, "a"))["data"]["n"] == "2"


async def test_what_is_not_there_is_none_and_deleting_it_is_fine(api: KubeApi, namespace: str) -> None:
    assert await api.find(DEPLOYMENTS, namespace, "nobody", "scale") is None
    await api.delete(CONFIG_MAPS, namespace, "nobody")


async def test_lists_come_in_pages_and_with_their_kind(
    api: KubeApi, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scalewarden.sources.kubeapi.PAGE", 2)
    for name in "abcde":
        await api.create(CONFIG_MAPS, config_map(namespace, name), manager="tester")
    listing = await api.list(CONFIG_MAPS, namespace)
    names = [item["metadata"]["name"] for item in listing.items]
    assert [name for name in names if len(name) == 1] == list("abcde")
    assert {item["kind"] for item in listing.items} == {"ConfigMap"}


async def test_follow_lists_then_tells_every_change(api: KubeApi, namespace: str) -> None:
    stream = follow(api, CONFIG_MAPS, namespace, fields="metadata.name=a")
    assert await heard(stream) == Listed(())
    big = "x" * 300_000  # longer than any line buffer of the HTTP client
    await api.create(CONFIG_MAPS, config_map(namespace, "a", big=big), manager="tester")
    put = await heard(stream)
    assert isinstance(put, Put) and put.object["data"]["big"] == big
    await api.delete(CONFIG_MAPS, namespace, "a")
    gone = await heard(stream)
    assert isinstance(gone, Gone) and gone.object["metadata"]["name"] == "a"
    await stream.aclose()


async def test_follow_outlives_a_refusal(cluster: LocalCluster, namespace: str) -> None:
    connect = Connect(cluster.user_kubeconfig("stranger"))
    async with KubeApi.open(connect) as stranger:
        stream = follow(stranger, CONFIG_MAPS, namespace)
        lost = await heard(stream)
        assert isinstance(lost, Lost) and lost.error.status == 403 and "role" in lost.error.hint
        assert isinstance(await heard(stream), Lost)
        await stream.aclose()


async def heard(stream: AsyncIterator[News]) -> News:
    return await asyncio.wait_for(anext(stream), 10)


async def test_a_server_that_is_not_there_is_an_error_with_a_hint(cluster: LocalCluster, tmp_path: Path) -> None:
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(cluster.kubeconfig.read_text().replace(cluster.url, "https://127.0.0.1:9"))
    async with KubeApi.open(Connect(elsewhere)) as lost:
        with pytest.raises(ApiError, match="no answer from the API server") as caught:
            await lost.get(DEPLOYMENTS, "default", "a")
    assert caught.value.status == 0 and caught.value.hint


@pytest.mark.parametrize("text", ["", "not: a kubeconfig", "{", "apiVersion: v1\nkind: Config\ncurrent-context: x\n"])
def test_a_kubeconfig_that_says_nothing_is_bad_input(tmp_path: Path, text: str) -> None:
    broken = tmp_path / "kubeconfig"
    broken.write_text(text)
    with pytest.raises(BadInput) as caught:
        Connect(broken).load()
    assert str(broken) in str(caught.value) and caught.value.hint


async def test_a_rotated_token_is_picked_up(cluster: LocalCluster, namespace: str, tmp_path: Path) -> None:
    token = cluster.token(namespace, "default")
    good = cluster.kubeconfig_for(token, f"rotating-{namespace}").read_text()
    rotating = tmp_path / "kubeconfig"
    rotating.write_text(_with_token(good, "expired"))
    async with KubeApi.open(Connect(rotating)) as api:
        with pytest.raises(ApiError) as caught:
            await api.read("/apis")
        assert caught.value.status == 401
        rotating.write_text(_with_token(good, token))
        await asyncio.sleep(1.1)
        with pytest.raises(ApiError):
            await api.read("/apis")  # answered 401 with the old token, which makes it look for a new one
        assert (await api.read("/apis"))["groups"]


def _with_token(kubeconfig: str, token: str) -> str:
    lines = kubeconfig.splitlines()
    return "\n".join(_replaced(line, token) for line in lines)


def _replaced(line: str, token: str) -> str:
    head, found, _ = line.partition("token: ")
    return f"{head}{found}{token}" if found else line
