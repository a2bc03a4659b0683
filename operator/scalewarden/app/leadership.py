"""Which operator writes: the holder of a Lease. A standby takes over when the holder falls silent or lets go."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scalewarden.app.settings import COMPONENT, LeaseSettings
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import LEASES

log = logging.getLogger(__name__)

Object = dict[str, Any]


@dataclass(slots=True)
class Leadership:
    """Holds or waits for the Lease. clock gives monotonic seconds; healthy says whether we may go on holding it.

    Another holder's time is measured by our own clock, from when we last saw its Lease change: clocks may differ.
    """

    api: KubeApi
    settings: LeaseSettings
    healthy: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    _renewed: float | None = None
    _seen: tuple[str, float] = ("", 0.0)
    _told: str = ""

    @property
    def is_leader(self) -> bool:
        """True while our Lease is valid; a renewal that fails for too long ends it by itself."""
        return self._renewed is not None and self.clock() - self._renewed < self.settings.duration

    async def run(self) -> None:
        """Take, renew or wait, for ever."""
        while True:
            was = self.is_leader
            await self.step()
            if self.is_leader != was:
                log.info("this operator writes from now on" if self.is_leader else "another operator writes now")
            await asyncio.sleep(self.settings.renew_every if self.is_leader else min(1.0, self.settings.renew_every))

    async def step(self) -> None:
        """Take, renew or wait once; what the API server refuses is logged."""
        try:
            await self._try()
            self._told = ""
        except ApiError as error:
            self._complain(error)

    def _complain(self, error: ApiError) -> None:
        """Once for each new reason; it is tried every second."""
        if error.message != self._told:
            self._told = error.message
            log.warning("nothing is written without the lease: %s", error)

    async def release(self) -> None:
        """Let go, so that a standby need not wait; that this fails is no harm."""
        if not self.is_leader:
            return
        self._renewed = None
        try:
            found = await self.api.find(LEASES, self.settings.namespace, self.settings.name)
            if found and found["spec"].get("holderIdentity") == self.settings.identity:
                found["spec"] = {**found["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                await self.api.replace(LEASES, found, manager=COMPONENT)
        except ApiError as error:
            log.warning("lease not released: %s", error)

    async def _try(self) -> None:
        if not self.healthy():
            raise ApiError("the evaluation loop is late, so the lease is not renewed")
        started = self.clock()
        found = await self.api.find(LEASES, self.settings.namespace, self.settings.name)
        if found is None:
            await self._write(self._lease({}), started, create=True)
        elif self._is_free(found):
            await self._write(self._lease(found), started)

    def _is_free(self, found: Object) -> bool:
        """True where the Lease is ours, nobody's, or of a holder that has been silent for its whole duration."""
        spec, version, now = found.get("spec", {}), found["metadata"]["resourceVersion"], self.clock()
        if version != self._seen[0]:
            self._seen = (version, now)
        holder = spec.get("holderIdentity")
        if not holder or holder == self.settings.identity:
            return True
        self._renewed = None
        return now - self._seen[1] > float(spec.get("leaseDurationSeconds") or self.settings.duration)

    def _lease(self, found: Object) -> Object:
        old, now = found.get("spec", {}), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = old.get("holderIdentity") == self.settings.identity
        spec = {
            "holderIdentity": self.settings.identity,
            "leaseDurationSeconds": max(1, round(self.settings.duration)),
            "acquireTime": old.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": old.get("leaseTransitions", 0) + (not ours),
        }
        metadata = {"namespace": self.settings.namespace, "name": self.settings.name}
        version = {"resourceVersion": found["metadata"]["resourceVersion"]} if found else {}
        return {"metadata": metadata | version, "spec": spec}

    async def _write(self, lease: Object, started: float, *, create: bool = False) -> None:
        """The Lease counts from before the request; a conflict means that another one was faster."""
        write = self.api.create if create else self.api.replace
        try:
            written = await write(LEASES, lease, manager=COMPONENT)
        except ApiError as error:
            if error.conflict:
                return
            raise
        self._renewed = started
        self._seen = (written["metadata"]["resourceVersion"], started)
