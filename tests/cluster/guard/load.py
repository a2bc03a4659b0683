"""Many requests at once, each remembered with what the API server made of it."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
import orjson

from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kubeconnection import Connect, Connection
from scalewarden.sources.kuberesource import DEPLOYMENTS
from tests.cluster.guard.bench import Bench

WEBHOOK, POLICY = 'admission webhook "guard.scalewarden.dev"', "ValidatingAdmissionPolicy 'scalewarden-fence'"
AT_ONCE = 8


def wait_until_known(bench: Bench) -> None:
    """Until the guard answers for the policy."""
    bench.cluster.wait_for(
        lambda: WEBHOOK in bench.scale(0, "--dry-run=server").said, "the guard to know the service", 20
    )


@dataclass(frozen=True)
class Asked:
    """One request: the count asked for, the HTTP status (200 where it was done, 0: no answer), and what was said."""

    to: int
    status: int
    said: str
    seconds: float

    @property
    def by(self) -> str:
        """Who answered: webhook, policy, done, away (the API server itself could not), or other."""
        if self.status == 200:
            return "done"
        if self.status in (0, 429) or self.status >= 500:
            return "away"
        return "webhook" if WEBHOOK in self.said else "policy" if POLICY in self.said else "other"


async def ask(api: KubeApi, namespace: str, to: int, *, dry_run: bool) -> Asked:
    """A merge patch of the scale, as `kubectl scale` sends it."""
    began = time.monotonic()
    patch = {"spec": {"replicas": to}}
    try:
        target = (DEPLOYMENTS, namespace, "llama")
        await api.merge(*target, patch, manager="load", subresource="scale", dry_run=dry_run)
        status, said = 200, ""
    except ApiError as error:
        status, said = error.status, error.message
    return Asked(to, status, said, time.monotonic() - began)


async def ask_all(bench: Bench, counts: Iterable[int], *, dry_run: bool = False) -> list[Asked]:
    """All at the same time, each over a connection of its own, for as long as it takes."""
    connection = Connection(Connect(bench.cluster.kubeconfig))
    path = DEPLOYMENTS.path(bench.namespace, "llama", "scale") + ("?dryRun=All" if dry_run else "")
    headers = {"Content-Type": "application/merge-patch+json"}

    async def one(web: aiohttp.ClientSession, to: int) -> Asked:
        began = time.monotonic()
        body = orjson.dumps({"spec": {"replicas": to}})
        async with web.patch(connection.server + path, data=body, headers=headers) as response:
            said = (await response.json(content_type=None)).get("message", "")
            return Asked(to, response.status, str(said), time.monotonic() - began)

    connector = aiohttp.TCPConnector(ssl=connection.tls, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as web:
        return list(await asyncio.gather(*(one(web, to) for to in counts)))


@dataclass
class Load:
    """Asks for counts over and over, in a thread, while the block runs. Increases are dry runs: the count stays.

    up and down: what is asked for; down must be below the fence.
    """

    bench: Bench
    up: int = 6
    down: int = 2
    asked: list[Asked] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the load did not end"

    def answered(self, by: str) -> int:
        """How many decreases were answered so, up to now."""
        return sum(1 for one in list(self.asked) if one.to == self.down and one.by == by)

    def wait_for(self, by: str, more: int = 5, seconds: float = 60) -> None:
        """Until so many more decreases were answered by this."""
        before = self.answered(by)
        found = self.bench.cluster.wait_for
        found(lambda: self.answered(by) >= before + more, f"{more} answers by {by}", seconds)

    def judge(self) -> Counter[str]:
        """How decreases were answered. Fails where one passed, or an increase was refused."""
        refused = [one for one in self.asked if one.to == self.up and one.by not in ("done", "away")]
        assert not refused, f"an increase was refused: {refused[0]}"
        passed = [one for one in self.asked if one.to == self.down and one.by in ("done", "other")]
        assert not passed, f"{len(passed)} decreases passed, the first as {passed[0]}"
        assert any(one.to == self.up and one.by == "done" for one in self.asked)
        return Counter(one.by for one in self.asked if one.to == self.down)

    async def _run(self) -> None:
        async with KubeApi.open(Connect(self.bench.cluster.kubeconfig)) as api:
            await asyncio.gather(*(self._worker(api, number) for number in range(AT_ONCE)))

    async def _worker(self, api: KubeApi, number: int) -> None:
        to = self.up if number % 2 else self.down
        while not self._stop.is_set():
            found = await ask(api, self.bench.namespace, to, dry_run=to == self.up)
            self.asked.append(found)
            await asyncio.sleep(0.2 if found.by == "away" else 0.02)
