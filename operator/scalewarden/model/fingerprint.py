"""What a service is made of, as far as its speed depends on it: with another make, what was learned does not hold."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from hashlib import sha256

from scalewarden.model.policy import Objectives
from scalewarden.model.workload import Engine, Replica, Target, Workload

LONGEST = 48
"""Characters of a text that are kept; a longer one ends in a digest of all of it."""
MOST_PRODUCTS = 3
"""GPU products of one service that are told apart."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Every field is None (or empty) where it is not known now, and what is not known differs from nothing.

    image keeps its tag or digest: another engine version has another speed. args is a digest of the whole command
    line. parallel, max_num_seqs, gpus (per replica) and gpu_memory (share) may also be declared. products are GPU
    names, with the MIG profile of a slice. objectives decide which samples count. reset is what the owner wrote to
    have everything forgotten.
    """

    target: str | None = None
    engine: str | None = None
    image: str | None = None
    args: str | None = None
    parallel: int | None = None
    max_num_seqs: int | None = None
    gpu_memory: float | None = None
    gpus: int | None = None
    mig_profile: str | None = None
    objectives: str | None = None
    products: tuple[str, ...] = ()
    reset: str | None = None

    def differs(self, now: "Fingerprint") -> bool:
        """True where something that both know is not the same, or a GPU is there that never was."""
        changed = any(_changed(getattr(self, name), getattr(now, name)) for name in _COMPARED)
        return changed or bool(self.products and set(now.products) - set(self.products)) or self.resets(now)

    def resets(self, now: "Fingerprint") -> bool:
        """True where the owner asks anew to forget."""
        return now.reset is not None and now.reset != self.reset

    def merged(self, now: "Fingerprint") -> "Fingerprint":
        """What is known by now of a service that did not change."""
        known = {name: getattr(now, name) for name in (*_COMPARED, "reset") if getattr(now, name) is not None}
        together = tuple(sorted({*self.products, *now.products}))[:MOST_PRODUCTS]
        return replace(self, **known, products=together)


_COMPARED = tuple(one.name for one in fields(Fingerprint) if one.name not in ("products", "reset"))


def _changed(before: object, now: object) -> bool:
    return before is not None and now is not None and before != now


def fingerprint_of(
    target: Target,
    engine: Engine,
    workload: Workload,
    replicas: Iterable[Replica],
    objectives: Objectives,
    reset: str | None = None,
) -> Fingerprint:
    """Of a service as it is described and detected now."""
    return Fingerprint(
        target=short(target.key),
        engine=None if engine in (Engine.UNKNOWN, Engine.AUTO) else engine.value,
        image=short(workload.image) if workload.image else None,
        args=_digest("\0".join(workload.args)) if workload.args else None,
        parallel=workload.tensor_parallel_size,
        max_num_seqs=workload.max_num_seqs,
        gpu_memory=workload.gpu_memory_utilization,
        gpus=workload.gpus_per_replica,
        mig_profile=workload.mig_profile,
        objectives=_objectives(objectives),
        products=_products(replicas),
        reset=short(reset) if reset else None,
    )


def _objectives(promised: Objectives) -> str:
    parts = (("ttft", promised.ttft_p95), ("itl", promised.itl_p95), ("e2e", promised.e2e_p99))
    return " ".join(f"{name}={value:g}" for name, value in parts if value is not None) or "none"


def _products(replicas: Iterable[Replica]) -> tuple[str, ...]:
    gpus = [gpu for replica in replicas for gpu in replica.gpus if gpu.model]
    found = {short(f"{gpu.model} {gpu.mig_profile}" if gpu.mig_profile else str(gpu.model)) for gpu in gpus}
    return tuple(sorted(found))[:MOST_PRODUCTS]


def short(text: str) -> str:
    """The text on one line; one that is too long by its beginning and its digest."""
    line = " ".join(text.split())
    return line if len(line.encode()) <= LONGEST else f"{_head(line)}~{_digest(line)}"


def _head(line: str) -> str:
    return line.encode()[: LONGEST - 13].decode(errors="ignore")


def _digest(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()[:12]
