"""All users' queries in one, and its answer taken apart again. Pure.

    label_replace((<one>
    ),"scalewarden_custom","serving/llama/kv_usage","","") or label_replace((<another>
    ),…

The label is ours and is set last, so that no query can speak in another's name; a series about a pod that is not the
service's own, or in another namespace, is dropped.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.signals.engines.custom import PREFIX
from scalewarden.signals.sample import Sample
from scalewarden.sources.base import CustomKey, CustomQuery, PodKey
from scalewarden.sources.prometheus_query import quoted
from scalewarden.sources.promql import wrapped

MARK = "scalewarden_custom"
NO_POD = "its promql gives no series with the label pod of one of the service's pods"
AMBIGUOUS = "its promql gives more than one value for a pod"


def union(queries: Iterable[CustomQuery]) -> str:
    """One expression."""
    return " or ".join(f'label_replace({wrapped(one.promql)},"{MARK}",{quoted(str(one.key))},"","")' for one in queries)


@dataclass(slots=True)
class Values:
    """What a union gave: by pod and instant the samples, and what is wrong with single queries."""

    samples: dict[PodKey, dict[float, list[Sample]]] = field(default_factory=dict)
    spoke: set[CustomKey] = field(default_factory=set)
    faults: dict[CustomKey, str] = field(default_factory=dict)


class Splitter:
    """Series in, values out."""

    def __init__(self, queries: Sequence[CustomQuery]) -> None:
        self._queries = {str(query.key): query for query in queries}
        self._seen: set[tuple[CustomKey, PodKey, float]] = set()
        self._values = Values()

    def take(self, result: Iterable[Mapping[str, Any]]) -> None:
        """Add series as the server wrote them. Raises LookupError, TypeError or ValueError for what is none."""
        for series in result:
            metric = series["metric"]
            query = self._queries.get(metric.get(MARK, ""))
            if query is None:
                continue
            pod = PodKey(query.key.namespace, metric.get("pod", ""))
            if pod not in query.pods or metric.get("namespace", pod.namespace) != pod.namespace:
                continue
            self._add(query.key, pod, series.get("values", ()))

    def values(self) -> Values:
        """Everything so far; a query that gave two values for one pod at one instant gives none."""
        found = self._values
        for key in found.faults:
            name = f"{PREFIX}{key.signal}"
            for pod in self._queries[str(key)].pods & found.samples.keys():
                for at, samples in found.samples[pod].items():
                    found.samples[pod][at] = [one for one in samples if one.name != name]
        return found

    def _add(self, key: CustomKey, pod: PodKey, values: Iterable[tuple[float, str]]) -> None:
        instants = self._values.samples.setdefault(pod, {})
        for at, text in values:
            value = float(text)
            if math.isnan(value):
                continue
            if (key, pod, at) in self._seen:
                self._values.faults[key] = AMBIGUOUS
            self._seen.add((key, pod, at))
            self._values.spoke.add(key)
            instants.setdefault(float(at), []).append(Sample(f"{PREFIX}{key.signal}", {}, value))
