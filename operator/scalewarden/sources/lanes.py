"""Who may ask whom at once: a bounded number of visits, which pods that keep us waiting cannot use up.

A visit takes a quick place. Where its page is not there after `patience` seconds it moves to the waiting room, if there
is room, and others go on; a pod that kept us waiting last time waits there from the start. A large page is read from a
quick place only. So at most `quick + room` connections are open, and only `quick` pages above `LARGE` in memory.
"""

import asyncio
from types import TracebackType
from typing import Self

LARGE = 2**20
"""Bytes of a page; real ones are a tenth of it."""


class Lanes:
    """The places of all visits. `patience` in seconds."""

    def __init__(self, quick: int, room: int, patience: float) -> None:
        self.quick = asyncio.Semaphore(quick)
        self.room = asyncio.Semaphore(room)
        self.patience = patience

    def turn(self, *, slow: bool) -> "Turn":
        """One visit's turn, to be entered; slow for a pod that is expected to keep us waiting."""
        return Turn(self, slow=slow)


class Turn:
    """One visit's place, held from entering to leaving."""

    def __init__(self, lanes: Lanes, *, slow: bool) -> None:
        self._lanes = lanes
        self._place = lanes.room if slow else lanes.quick
        self._timer: asyncio.TimerHandle | None = None
        self._moving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._place.acquire()
        if self._place is self._lanes.quick:
            self._timer = asyncio.get_running_loop().call_later(self._lanes.patience, self._lose_patience)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stay()
        self._place.release()

    async def large(self) -> None:
        """The page turns out large; returns when it may be read on."""
        self._stay()
        if self._place is not self._lanes.quick:
            await self._move(self._lanes.quick)

    def _lose_patience(self) -> None:
        self._moving = asyncio.create_task(self._move(self._lanes.room))

    def _stay(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._moving is not None:
            self._moving.cancel()

    async def _move(self, place: asyncio.Semaphore) -> None:
        await place.acquire()
        self._place.release()
        self._place = place
