"""A metrics page as a support bundle holds it: written anew from the series that are read, never copied.

Of each series: its name, its value, and the labels of the list below, whose values are numbers, known words, names of
the recording's own objects, or aliases. Labels that are left out are stood in for by `other="3"`, one number for each
set of them, so that series stay as many as they were and keep their identity from page to page.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Sample
from scalewarden.sources.kept_names import is_product, series_name
from scalewarden.sources.kept_values import NUMBER, Keeper, word
from scalewarden.sources.kept_words import LABEL_WORDS, LABELS

LONGEST = 200
"""Characters of a label's value; longer ones become an alias, whatever they are."""

_UUID = re.compile(r"(?:GPU-|MIG-|MIG-GPU-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:/[0-9]{1,3}/[0-9]{1,3})?")
_PROFILE = re.compile(r"(?:[0-9]c\.)?[0-9]g\.[0-9]{1,3}gb(?:\+(?:me|gfx|all|me\.all))?")
_VERSION = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){1,3}")
_PRODUCTS = frozenset(label for table in EXPORTERS for label in table.who.model) | {"gpu_type", "card_model"}
_MODELS = frozenset({"model_name", "model"})
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(slots=True)
class PageKeeper:
    """Keeps the pages of one source. models: names of models are shown as they are."""

    keeper: Keeper
    models: bool = False
    _others: dict[frozenset[tuple[str, str]], int] = field(default_factory=dict)

    def page(self, samples: Iterable[Sample]) -> str:
        """The page's text, in its order."""
        return "".join(f"{line}\n" for line in map(self._line, samples))

    def _line(self, sample: Sample) -> str:
        name = sample.name if sample.name in WANTED else series_name(sample.name, self.keeper)
        labels = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in self._labels(sample.labels).items())
        return f"{_identifier(str(name))}{{{labels}}} {sample.value!r}"

    def _labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        shown = {key: self._value(key, text) for key, text in labels.items() if key in LABELS}
        others = frozenset((key, text) for key, text in labels.items() if key not in LABELS)
        self.keeper.removed["series' labels"] += len(others)
        if others:
            shown["other"] = str(self._others.setdefault(others, len(self._others) + 1))
        return shown

    def _value(self, key: str, text: str) -> str:
        if len(text) > LONGEST or not text.isprintable():
            return self.keeper.alias(key, text)
        if key in _MODELS and self.models and "~" not in text:
            return text
        if any(pattern.fullmatch(text) for pattern in (_UUID, _PROFILE, _VERSION)) or _is_bound(key, text):
            return text
        if key in _PRODUCTS and is_product(text):
            return text
        return word(text, LABEL_WORDS, key, self.keeper)


def _is_bound(key: str, text: str) -> bool:
    return key == "le" and (text.lower() in ("+inf", "inf", "nan") or NUMBER.fullmatch(text) is not None)


def _identifier(name: str) -> str:
    """A name that the exposition format takes without quotes."""
    return re.sub(r"[^a-zA-Z0-9_:]", "_", name)
