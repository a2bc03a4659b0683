"""Which pod holds which GPU of its node, as a device plugin would have handed them out."""

from __future__ import annotations

from tools.fleet.pods import Pod


class GpuLedger:
    """Hands out the lowest free numbers of a node: GPUs, or MIG instances where the node is cut into them."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {}

    def assign(self, pod: Pod) -> tuple[int, ...]:
        """Numbers for all the pod asked for; they stay its own until released."""
        taken = {number for node, numbers in self._held.values() if node == pod.node for number in numbers}
        free = [number for number in range(len(taken) + pod.gpus) if number not in taken]
        self._held[pod.key] = (pod.node, tuple(free[: pod.gpus]))
        return self._held[pod.key][1]

    def release(self, pod: Pod) -> None:
        """Give back what the pod held."""
        self._held.pop(pod.key, None)
