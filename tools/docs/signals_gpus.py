"""The GPU part of docs/reference/signals.md: one column an exporter, and the table of MIG profiles."""

from collections.abc import Iterator, Mapping

from scalewarden.model.signal import SignalName
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.gpus.mig import PRODUCTS, Product, Slice
from scalewarden.signals.gpus.pages import UNITS
from scalewarden.signals.gpus.table import ExporterTable, Field, Row
from tools.docs.markdown import code, table

DERIVED: Mapping[SignalName, str] = {
    SignalName.GPU_BUSY: "fraction",
    SignalName.LINK_BPS: "bytes/s",
    SignalName.GEN_TPS_PER_GPU: "tokens/s",
    SignalName.GEN_TPS_PER_FULL_GPU: "tokens/s",
}
"""Signals that are made of others, with their unit."""

_GPUS = """\
## Signals of GPUs

In the cells are the fields that are read, newest spelling first; the first one with values counts. Shares of time are
means over the window, memory is the newest value; over a replica's GPUs shares become their mean and bytes/s their
sum. *Switch* is what to do where a field is missing. Where two exporters tell of one GPU, the one further left counts.
Of several rows of one GPU (a row a process beside the GPU's own, where it is shared in time) the largest counts."""

_NOTES = """\
- Under MIG `kernel_utilization` is absent whatever is written: *not measured under MIG*. `engine_active` of a slice may
  end at 1/n where its compute instances are fewer than its slices (1g 100 %, 2g 50 %, 3g 33 % were seen): compare a
  slice with its own past. `sm_active` was seen slightly above 1 and counts as 1.
- DCGM's blank values (top of the 32-bit range, 2^47 and more, NaN) are no numbers. `DCGM_FI_DEV_GPU_UTIL_RATIO` is
  percent in DCGM 4.6 and a ratio in 4.7: percent if any value is above 1, a ratio if the page carries the label
  `DCGM_FI_SYSTEM_DRIVER_VERSION`, else absent.
- `DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL` is typed as a counter and is a rate: no rate is taken of it. PCIe bytes that
  only ever rise are taken for a running total and are absent; so is what no link can carry.
- Google's copies for Vertex (`vertex_dcgm_fi_…`, labels `gpu_uuid`, `gpu_i_id`, `replica_id`) and AMD's names with the
  prefix `amd_` are read too; the former are known from documentation only.
- Gaudi's labels are read as its Go exporter writes them, and in other spellings; none was seen on a live page.
- `gen_tps_per_gpu` needs the devices of the replica or the count in its pod template; `gen_tps_per_full_gpu` needs
  their sizes (below)."""

_WHO = """\
### Which GPU, and whose

An exporter on the node tells of all its pods. One in the pod itself, on the engine's own page (Triton's series) or on
a page recorded under the pod's name, tells of that pod where it names none. `exported_pod` counts before `pod`:
Prometheus renames the label where `pod` is the exporter's own."""

_MIG = """\
### MIG slices

Share of a whole GPU: multiprocessors of those that MIG hands out (98 of the 108 of an A100), and memory, with which
bandwidth goes. Decode is bound by bandwidth, so `gen_tps_per_full_gpu` divides by the memory share; its source text
gives the figure by multiprocessors. Attributes (`+me`) change nothing; `1c.3g.40gb` has a third of the
multiprocessors of `3g.40gb` and all of its memory. *n/7* is nominal: the number is not published, or the product is
not in this table."""


def parts(meaning: Mapping[SignalName, str]) -> Iterator[str]:
    """The paragraphs and tables, in their order. meaning says what each signal is."""
    yield _GPUS
    titles = (one.title for one in EXPORTERS)
    rows = [(code(name), str(unit), meaning[name], *(_cell(one, name) for one in EXPORTERS))
            for name, unit in UNITS.items()]  # fmt: skip
    yield table(("signal", "unit", "meaning", *titles), rows)
    yield table(
        ("made of these", "unit", "meaning"), [(code(name), unit, meaning[name]) for name, unit in DERIVED.items()]
    )
    yield _NOTES
    yield _WHO
    yield table(
        ("exporter", "port", "device", "slice", "product", "pod", "where no pod is named"), map(_who, EXPORTERS)
    )
    yield _MIG
    yield table(
        ("product", "profile", "multiprocessors", "share", "memory", "usable GiB"),
        [_slice(product, name, one) for product in PRODUCTS for name, one in product.slices.items()],
    )


def _cell(exporter: ExporterTable, name: SignalName) -> str:
    row = exporter.row(name)
    if row is None:
        return "never exported"
    text = "; ".join(map(_field, row.fields))
    return text + (f". *Switch:* {row.switch}" if row.switch else "") + _whole(row)


def _whole(row: Row) -> str:
    return " (whole GPUs only)" if row.whole else ""


def _field(one: Field) -> str:
    text = " + ".join(map(code, one.names))
    if one.over:
        whole = [*map(code, one.over), *(f"{code(name)} where there" for name in one.spare)]
        text += f" ÷ ({' + '.join(whole)})" if len(whole) > 1 else f" ÷ {whole[0]}"
    text = f"rate of {text}" if one.counter else text
    text += f" × {one.scale:g}" if one.scale != 1 else ""
    about = ", ".join(part for part in (one.versions, one.about) if part)
    return f"{text} ({about})" if about else text


def _who(one: ExporterTable) -> tuple[str, ...]:
    who = one.who
    pods = " or ".join(code(pod) for _, pod in who.pod)
    labels = (" or ".join(map(code, names)) for names in (who.uuid, who.instance, who.model))
    kind = f"{one.title} (`{one.kind}`)"
    return (kind, str(one.port or "the engine's"), *(text or "–" for text in labels), pods or "–", one.nameless)


def _slice(product: Product, name: str, one: Slice) -> tuple[str, ...]:
    title = product.name + (" (unverified)" if product.unverified else "")
    slices = int(name[0])
    share = f"{one.sm / product.sm:.3f}" if one.sm and product.sm else f"{slices}/{product.slots}, nominal"
    usable = f"{one.usable:g}" if one.usable else "–"
    return (title, code(name), str(one.sm or "–"), share, f"{one.memory:g}", usable)
