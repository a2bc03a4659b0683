"""The part of docs/reference/signals.md about signals that neither engines nor GPU exporters give."""

from collections.abc import Mapping

from scalewarden.model.signal import SignalName
from scalewarden.signals import cpu, gateways
from tools.docs.markdown import code, table

READ = (*cpu.CPU, SignalName.GATEWAY_WAITING)
"""The signals of this part."""

_INTRODUCTION = """\
## Signals of the cluster

CPU is read from metrics.k8s.io where pods are scraped directly, and from the kubelet's cAdvisor series where a source
has them; only containers that request CPU count. Queues are read off endpoint pickers that an InferencePool names for
the service's pods, and off Dynamo's frontends; a queue that engines count too is never among them. The names of
gateways' series are unverified."""


def parts(meaning: Mapping[SignalName, str]) -> tuple[str, ...]:
    """The heading with its words, and the table."""
    sources = {
        SignalName.CPU_RATIO: f"{code(cpu.USAGE)} ÷ requests; or metrics.k8s.io",
        SignalName.CPU_THROTTLED: f"{code(cpu.THROTTLED)} ÷ {code(cpu.PERIODS)}; not in metrics.k8s.io",
        SignalName.GATEWAY_WAITING: "; ".join(
            f"{one.name}: {', '.join(code(name) for name in one.queue)}" for one in gateways.TABLES
        ),
    }
    rows = [(code(name), meaning[name], sources[name]) for name in READ]
    return _INTRODUCTION, table(("signal", "meaning", "series"), rows)
