"""The fleet's HTTP side: every pod's ``/metrics`` on its own address, and the exporters' beside them.

Pod IPs must be loopback addresses (127.x.y.z), any of which can be bound on Linux. The first pods of a service are
taken together once their number has been still for a moment, and start with a past; later ones warm up.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from aiohttp import web

from tools.fleet.dcgm import Slot, dcgm_page
from tools.fleet.endpoints import Address, Endpoints, Key
from tools.fleet.faults import Fault, hang_up, respond
from tools.fleet.gpus import GpuLedger
from tools.fleet.kube import KubernetesPods
from tools.fleet.model import ReplicaSnapshot
from tools.fleet.pods import Pod, PodSource
from tools.fleet.replay import tracks
from tools.fleet.service import Service
from tools.fleet.spec import FleetSpec

EXPORTER_PORT = 9400
TICK_SECONDS = 1.0
SETTLE_SECONDS = 2.0
PATIENCE_SECONDS = 30.0
"""How long the Ready pods of a new service wait for the others."""
GPUS_PER_NODE = 8


class Fleet:
    """A running simulated fleet; use it as ``async with``.

    ``spec`` or ``specs`` say what to simulate: pods labelled ``scalewarden.dev/fleet: <spec.name>`` belong to it.
    Pods come from ``kubeconfig`` or any other ``PodSource``. Raises BadRecording when there is nothing to replay.
    """

    def __init__(
        self,
        *,
        spec: FleetSpec | None = None,
        specs: Sequence[FleetSpec] = (),
        kubeconfig: str | Path | None = None,
        pods: PodSource | None = None,
        gpus_per_node: int = GPUS_PER_NODE,
        settle_seconds: float = SETTLE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if pods is None and kubeconfig is None:
            raise ValueError("Fleet needs a kubeconfig or a source of pods")
        self.specs = {each.name: each for each in ([spec] if spec else specs)}
        for each in self.specs.values():
            if each.replay:
                tracks(each.replay.recording, each.replay.loop)
        self.services: dict[str, Service] = {}
        self._source = pods or KubernetesPods(kubeconfig or "")
        self._gpus_per_node = gpus_per_node
        self._settle = settle_seconds
        self._clock = clock
        self._faults: dict[Key, Fault] = {}
        self._pods: dict[Key, Pod] = {}
        self._gpus = GpuLedger()
        self._pending: dict[str, tuple[float, frozenset[Key]]] = {}
        self._endpoints = Endpoints(self._answer)
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Condition()
        self._poke = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._endpoints.start()
        self._tasks = [asyncio.create_task(self._follow_pods()), asyncio.create_task(self._tick())]
        for task in self._tasks:
            task.add_done_callback(_report)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._endpoints.stop()

    # For tests and people.

    async def wait_for(self, replicas: int, fleet: str | None = None, seconds: float = 30.0) -> None:
        """Wait until that many replicas serve; TimeoutError says how many do."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: len(self._members(fleet)) == replicas)
        except TimeoutError:
            serving = len(self._members(fleet))
            raise TimeoutError(f"{serving} of {replicas} replicas serve after {seconds:g} s") from None

    def _members(self, fleet: str | None) -> list[str]:
        service = self.services.get(self._spec(fleet).name)
        return list(service.members) if service else []

    def set_users(self, users: int, fleet: str | None = None) -> None:
        """Change the closed-loop users of a fleet (its name may be left out when there is one)."""
        self.service(fleet).model.set_users(users)

    def set_arrivals(self, per_second: float, fleet: str | None = None) -> None:
        """Change the open-loop request rate of a fleet."""
        self.service(fleet).model.set_arrivals(per_second)

    def fault(self, pod: str, fault: Fault | str | None) -> None:
        """Spoil the metrics of a pod (``name`` or ``namespace/name``); None heals it.

        Raises ValueError for an unknown fault and KeyError for an unknown pod.
        """
        key = self._find(pod)
        if fault is None:
            self._faults.pop(key, None)
        else:
            self._faults[key] = Fault(fault)
        self._tell_member(key)
        self._poke.set()

    def snapshot(self) -> dict[str, list[ReplicaSnapshot]]:
        """Replicas of every fleet, now."""
        now = self._clock()
        for service in self.services.values():
            service.catch_up(now)
        return {name: service.model.snapshot() for name, service in self.services.items()}

    def service(self, fleet: str | None = None) -> Service:
        """A fleet's service; KeyError when none of its pods has been seen yet."""
        name = self._spec(fleet).name
        if name not in self.services:
            raise KeyError(f"fleet {name}: no Ready pod labelled scalewarden.dev/fleet={name} has been seen")
        return self.services[name]

    def _spec(self, fleet: str | None) -> FleetSpec:
        if fleet is None and len(self.specs) != 1:
            raise ValueError(f"say which fleet: {', '.join(sorted(self.specs))}")
        return next(iter(self.specs.values())) if fleet is None else self.specs[fleet]

    def _find(self, pod: str) -> Key:
        found = [key for key in self._pods if pod in (key[1], "/".join(key))]
        if len(found) != 1:
            raise KeyError(f"pod {pod}: {len(found)} pods of that name serve here")
        return found[0]

    # Pods come and go.

    async def _follow_pods(self) -> None:
        async for pods in self._source.snapshots():
            await self._sync({pod.key: pod for pod in pods if pod.is_exporter or self._is_ours(pod)})

    def _is_ours(self, pod: Pod) -> bool:
        return any(_belongs(pod, spec) for spec in self.specs.values())

    async def _tick(self) -> None:
        """Keep the models in step between scrapes and take up the first pods once they are still."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._poke.wait(), TICK_SECONDS)
            self._poke.clear()
            await self._sync(self._pods)
            self.snapshot()

    async def _sync(self, pods: Mapping[Key, Pod]) -> None:
        async with self._changed:
            now = self._clock()
            self._pods = dict(pods)
            self._remove_gone(pods, now)
            for name in self.specs:
                self._take_in(name, [pod for pod in pods.values() if _belongs(pod, self.specs[name])], now)
            await self._endpoints.serve(self._addresses())
            self._changed.notify_all()

    def _remove_gone(self, pods: Mapping[Key, Pod], now: float) -> None:
        for service in self.services.values():
            gone = [member.pod for member in service.members.values() if not _still_there(member.pod, pods)]
            for pod in gone:
                service.leave(pod.name, now)
                self._gpus.release(pod)
                self._faults.pop(pod.key, None)

    def _take_in(self, name: str, pods: Sequence[Pod], now: float) -> None:
        service = self.services.get(name)
        if service is None:
            self._start_when_still(name, pods, now)
            return
        for pod in pods:
            if pod.name in service.members:
                service.update(pod, now)
            elif pod.ready:
                service.join(pod, self._gpus.assign(pod), now)

    def _start_when_still(self, name: str, pods: Sequence[Pod], now: float) -> None:
        """Start once the pods are all Ready and none came for a moment, or with those Ready after a while."""
        ready = sorted((pod for pod in pods if pod.ready), key=lambda pod: pod.name)
        keys = frozenset(pod.key for pod in ready)
        since, seen = self._pending.get(name, (now, frozenset()))
        if keys != seen:
            since = now
        self._pending[name] = (since, keys)
        patience = self._settle if len(ready) == len(pods) else PATIENCE_SECONDS
        if ready and now - since >= patience:
            members = [(pod, self._gpus.assign(pod)) for pod in ready]
            self.services[name] = Service.start(self.specs[name], members, now)

    def _tell_member(self, key: Key) -> None:
        for service in self.services.values():
            member = service.members.get(key[1])
            if member is not None and member.pod.key == key:
                member.fault = self._faults.get(key)

    # Pages.

    def _addresses(self) -> dict[Address, Key]:
        serving = {
            (member.pod.ip, service.spec.port): member.pod.key
            for service in self.services.values()
            for member in service.members.values()
        }
        exporters = {(pod.ip, EXPORTER_PORT): key for key, pod in self._pods.items() if pod.is_exporter and pod.ready}
        every = serving | exporters
        return {address: key for address, key in every.items() if self._faults.get(key) is not Fault.REFUSED}

    async def _answer(self, request: web.BaseRequest, key: Key) -> web.StreamResponse:
        fault = self._faults.get(key)
        if fault is Fault.REFUSED:
            hang_up(request)
            return web.Response(status=503)
        if request.path != "/metrics":
            return web.Response(status=200 if request.path == "/health" else 404)
        return await respond(request, self._page(key), fault)

    def _page(self, key: Key) -> str:
        pod, now = self._pods[key], self._clock()
        if pod.is_exporter:
            return dcgm_page(pod.node, pod.name, self._slots_of(pod.node, now))
        return self.services[pod.fleet].page(pod.name, now)

    def _slots_of(self, node: str, now: float) -> Iterable[Slot]:
        """Held GPUs of a node with their readings, then the idle ones."""
        held: list[Slot] = []
        for service in self.services.values():
            service.catch_up(now)
            on_node = [member.pod.name for member in service.members.values() if member.pod.node == node]
            held += [slot for name in on_node for slot in service.slots(name)]
        taken = {slot.index for slot in held}
        style = next(iter(self.specs.values())).dcgm
        yield from held
        yield from (Slot(index, style=style) for index in range(self._gpus_per_node) if index not in taken)


def _belongs(pod: Pod, spec: FleetSpec) -> bool:
    return pod.fleet == spec.name and spec.namespace in ("", pod.namespace)


def _still_there(pod: Pod, pods: Mapping[Key, Pod]) -> bool:
    """A pod of the same name with another address is another pod."""
    return pod.key in pods and pods[pod.key].ip == pod.ip


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        print(f"fleet: stopped following the cluster: {error!r}", file=sys.stderr)
