"""One service of the fleet: its model, kept in step with the clock and with the pods that exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from tools.fleet.dcgm import Slot
from tools.fleet.exposition import vllm_page
from tools.fleet.faults import Fault
from tools.fleet.model import FleetModel
from tools.fleet.pods import Pod
from tools.fleet.replay import Track, tracks
from tools.fleet.spec import FleetSpec

POLLING_CORES = 0.95
"""An engine process polls: a core nearly full while it has work, whatever the work (0.97 cores were measured)."""
IDLE_CORES = 0.05
HTTP_CORE_SECONDS_PER_TOKEN = 30e-6


@dataclass
class Member:
    """A pod that serves."""

    pod: Pod
    gpu_units: tuple[int, ...]
    """GPUs of the node it holds; with MIG, instances numbered through all GPUs of the node."""
    joined: float
    """Simulated time."""
    served_since: float
    """Unix time of its first page."""
    started_at: float
    """Unix time at which its engine says it started: before the first page, by what was simulated in advance."""
    track: Track | None = None
    fault: Fault | None = None
    frozen: str | None = None


class Service:
    """Members, and the model whose replicas bear their names."""

    def __init__(self, spec: FleetSpec, now: float) -> None:
        self.spec = spec
        self.model = FleetModel(spec)
        self.members: dict[str, Member] = {}
        self._at = now
        self._tracks = tracks(spec.replay.recording, spec.replay.loop) if spec.replay else []

    @classmethod
    def start(cls, spec: FleetSpec, pods: Iterable[tuple[Pod, tuple[int, ...]]], now: float) -> Self:
        """A service whose first pods have been at work for ``prewarm_seconds`` already."""
        service = cls(spec, now)
        for pod, gpus in pods:
            service._add(pod, gpus, now, spec.prewarm_seconds, warm_up=0.0)
        service.model.advance(spec.prewarm_seconds)
        return service

    def catch_up(self, now: float) -> None:
        """Let the model's time reach ``now``."""
        elapsed = now - self._at
        if elapsed > 0:
            self.model.advance(elapsed * self.spec.time_scale)
            self._at = now

    def join(self, pod: Pod, gpus: tuple[int, ...], now: float) -> None:
        """A new pod: it takes requests after the warm-up."""
        self.catch_up(now)
        self._add(pod, gpus, now, 0.0, self.spec.warm_up_seconds)

    def _add(self, pod: Pod, gpus: tuple[int, ...], now: float, past: float, warm_up: float) -> None:
        taken = {member.track for member in self.members.values()}
        track = next((track for track in self._tracks if track not in taken), None)
        self.members[pod.name] = Member(pod, gpus, self.model.now, now, now - past, track)
        self.model.add(pod.name, warm_up)

    def leave(self, name: str, now: float) -> None:
        """A pod that is going: its requests move to the others."""
        self.catch_up(now)
        del self.members[name]
        self.model.remove(name)

    def update(self, pod: Pod, now: float) -> None:
        """A pod that became Ready or stopped being so."""
        member = self.members[pod.name]
        if member.pod.ready != pod.ready:
            self.catch_up(now)
            self.model.set_ready(pod.name, pod.ready)
        member.pod = pod

    # What members report.

    def page(self, name: str, now: float) -> str:
        """The member's metrics text, before the faults that touch the answer."""
        member = self.members[name]
        if member.fault is Fault.FROZEN and member.frozen is not None:
            return member.frozen
        text = self._live_page(member, now)
        member.frozen = text if member.fault is Fault.FROZEN else None
        return text

    def _live_page(self, member: Member, now: float) -> str:
        if member.track is not None:
            return member.track.page(now - member.served_since, now)
        self.catch_up(now)
        engine = "v0" if member.fault is Fault.V0_NAMES else self.spec.engine
        replica = self.model.replicas[member.pod.name]
        return vllm_page(replica, member.started_at, self.cpu_seconds(member.pod.name), engine)

    def _age(self, member: Member) -> float:
        return self.model.now - member.joined

    def cpu_seconds(self, name: str) -> float:
        """CPU time of the pod since it joined, in simulated seconds."""
        replica = self.model.replicas[name]
        tokens = replica.counters.generated_tokens * HTTP_CORE_SECONDS_PER_TOKEN
        return IDLE_CORES * self._age(self.members[name]) + POLLING_CORES * replica.work.busy + tokens

    def cpu_cores(self, name: str) -> float:
        """Cores the pod uses now."""
        activity = self.model.activity(name)
        return IDLE_CORES + POLLING_CORES * activity.busy + HTTP_CORE_SECONDS_PER_TOKEN * activity.tokens

    def slots(self, name: str) -> list[Slot]:
        """The GPUs the pod holds, with their readings."""
        member, hardware = self.members[name], self.spec.hardware
        work, activity = self.model.replicas[name].work, self.model.activity(name)
        per_gpu = _instances_per_gpu(member.pod.mig_profile)
        joules = hardware.gpu.board_watts * (0.15 * self._age(member) + 0.6 * work.gpu)
        return [
            Slot(
                index=unit // per_gpu,
                gpu=hardware.gpu,
                mig_profile=member.pod.mig_profile,
                instance=1 + unit % per_gpu,
                namespace=member.pod.namespace,
                pod=name,
                container=member.pod.container,
                used_share=self.spec.gpu_memory_utilization,
                activity=activity,
                joules=joules,
                style=self.spec.dcgm,
            )
            for unit in member.gpu_units
        ]


def _instances_per_gpu(mig_profile: str) -> int:
    """How many such instances one GPU can be cut into: seven slices over the profile's own; 1 without MIG."""
    return 7 // int(mig_profile.split("g.")[0]) if mig_profile else 1
