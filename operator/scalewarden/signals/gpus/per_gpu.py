"""Tokens/s of a replica by the GPUs that it holds, and by the part of a whole GPU that they are together."""

from collections.abc import Sequence
from dataclasses import replace
from math import fsum

from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName
from scalewarden.model.topology import SliceShare
from scalewarden.model.workload import Gpu, Workload
from scalewarden.signals.gpus.mig import share_of

NO_COUNT = Absent("how many GPUs the replica holds is not known")
NO_SHARE = Absent("how large a part of a GPU the replica holds is not known")


def by_gpu(generated: Signal, held: Sequence[Sequence[Gpu]], workload: Workload) -> dict[SignalName, Signal]:
    """Both, of the replicas that generated this together and hold these devices each."""
    gpus = [gpu for one in held for gpu in one] if all(held) else []
    parts = [share for one in held for share in shares(one, workload) or (None,)]
    return {
        SignalName.GEN_TPS_PER_GPU: per_gpu(generated, gpus, len(held) * (workload.gpus_per_replica or 0)),
        SignalName.GEN_TPS_PER_FULL_GPU: per_full_gpu(generated, parts),
    }


def per_gpu(generated: Signal, gpus: Sequence[Gpu], known: int | None = None) -> Signal:
    """GEN_TPS_PER_GPU (tokens/s): what was generated, by devices held; by `known` where no device is known."""
    held = len(gpus) or known
    if not isinstance(generated, Reading):
        return generated
    if not held:
        return NO_COUNT
    return _by(generated, held, f"{generated.source} ÷ {held} GPUs or slices")


def per_full_gpu(generated: Signal, shares: Sequence[SliceShare | None]) -> Signal:
    """GEN_TPS_PER_FULL_GPU (tokens/s): what was generated, by the memory share held, whole GPUs being 1.

    Decode is bound by memory bandwidth, so the memory share is used; source gives the figure by multiprocessors too.
    """
    if not isinstance(generated, Reading):
        return generated
    known = [share for share in shares if share is not None]
    if not known or len(known) < len(shares):
        return NO_SHARE
    memory, sm = fsum(share.memory for share in known), fsum(share.sm for share in known)
    notes = "; ".join(sorted({share.note for share in known if share.note}))
    source = (
        f"{generated.source} ÷ {memory:.3g} GPUs by memory ({generated.value / sm:.4g} tokens/s by multiprocessors)"
    )
    return _by(generated, memory, f"{source}, {notes}" if notes else source)


def shares(gpus: Sequence[Gpu], workload: Workload) -> tuple[SliceShare | None, ...]:
    """The parts held: of known devices, else of the slices that the pod template asks for by name."""
    if gpus:
        return tuple(gpu.share for gpu in gpus)
    return (share_of(None, workload.mig_profile),) * (workload.gpus_per_replica or 0)


def _by(generated: Reading, divisor: float, source: str) -> Reading:
    series = tuple(Point(at, value / divisor) for at, value in generated.series)
    return replace(generated, value=generated.value / divisor, source=source, series=series)
