"""Labels → which device a series is about, and which pod holds it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scalewarden.signals.gpus.table import Who

Labels = Mapping[str, str]


class Device(NamedTuple):
    """A GPU, or a slice of one: `uuid` is always the whole GPU's, `instance` the slice's id."""

    uuid: str
    instance: str | None = None


class Holder(NamedTuple):
    """The pod that an exporter says holds a device; the namespace may be empty."""

    namespace: str
    pod: str


def device_of(labels: Labels, who: Who) -> Device | None:
    """Which device a series is about; None where no label says."""
    uuid, instance = first_of(labels, who.uuid), first_of(labels, who.instance)
    if not uuid:
        return None
    return Device(known_as(uuid, who), instance if instance and who.cut(labels) else None)


def known_as(uuid: str, who: Who) -> str:
    """The uuid as other exporters write it."""
    return uuid if uuid.startswith(who.uuid_prefix) else who.uuid_prefix + uuid


def holder_of(labels: Labels, who: Who) -> Holder | None:
    """The workload's pod: under `exported_pod` where Prometheus kept `pod` for the exporter's own."""
    namespace, pod = next(((namespace, pod) for namespace, pod in who.pod if pod in labels), ("", ""))
    return Holder(labels.get(namespace, ""), labels[pod]) if labels.get(pod) else None


def same(exported_as: Holder, holder: Holder) -> bool:
    """True where an exporter's labels mean this pod; some leave the namespace out."""
    return exported_as.pod == holder.pod and exported_as.namespace in ("", holder.namespace)


def first_of(labels: Labels, names: Sequence[str]) -> str | None:
    """The first of several labels that has a value."""
    return next((labels[name] for name in names if labels.get(name)), None)
