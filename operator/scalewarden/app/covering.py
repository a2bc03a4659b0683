"""What is installed of admission, read now and then: three requests however many services there are."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import POLICIES, POLICY_BINDINGS, WEBHOOKS, Resource
from scalewarden.surfaces import coverage
from scalewarden.surfaces.coverage import POLICY, WEBHOOK, Gap, Installed

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two looks: charts are upgraded rarely."""


@dataclass(slots=True)
class Covering:
    """Answers for targets by what was found last. clock: monotonic seconds."""

    api: KubeApi
    clock: Callable[[], float] = time.monotonic
    _found: Installed | None = None
    _at: float | None = None

    async def look(self) -> None:
        """Read the three objects where the last look is old. What cannot be read is not known, and no gap."""
        now = self.clock()
        if self._at is not None and now - self._at < EVERY:
            return
        self._at = now
        try:
            self._found = await read(self.api)
        except ApiError as error:
            log.info("not known what admission covers: %s", error)
            if error.status == 403:  # the role of an older chart
                self._found = None

    def gap(self, resource: Resource) -> Gap | None:
        """Why nothing would refuse a decrease of such a target."""
        return self._found.gap(resource.group, resource.plural) if self._found else None


async def read(api: KubeApi) -> Installed:
    """What is installed now. Raises ApiError where one of the three cannot be read."""
    policy = await api.find(POLICIES, "", POLICY)
    binding = await api.find(POLICY_BINDINGS, "", POLICY)
    return coverage.installed(policy, binding, await api.find(WEBHOOKS, "", WEBHOOK))
