"""By hand: feed the parser and the gzip reader what coverage says is new, and hold them to what they promise.

    python tests/fuzz/fuzz_exposition.py [-max_total_time=600] [a folder that keeps what was found]

Whatever the bytes: pages are read or refused with BadExposition, the quick way reads what the slow way reads, what
prometheus_client reads too has the same numbers, and a body is read or refused within its limit. Needs atheris, which
is no dependency: `python3 -m venv FOLDER && FOLDER/bin/pip install atheris prometheus_client aiohttp`, then start this
with FOLDER/bin/python and PYTHONPATH=operator.
"""

import sys
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit(__doc__)

with atheris.instrument_imports(include=["scalewarden"]):
    from scalewarden.errors import BadExposition
    from scalewarden.signals import exposition
    from scalewarden.sources.page import _decoder, _Refused

from prometheus_client.parser import text_string_to_metric_families

SEEDS = Path(__file__).with_name("seeds")
LIMIT = 2**16
QUICK = exposition._usual


def _number(value: float) -> str:
    """A value in words; prometheus_client reads -0 as 0."""
    return repr(float(value) + 0.0)


def outcome(text: str, wanted: set[str] | None) -> object:
    """What comes of a page: its samples or where it is blamed."""
    try:
        return [(s.name, dict(s.labels), _number(s.value)) for s in exposition.parse(text, wanted, ended=False)]
    except BadExposition as error:
        return error.where


def check_page(data: bytes) -> None:
    """One page, read in every way."""
    text = data.decode("utf-8", "replace")
    for wanted in (None, {"a", "a.b"}):
        quick = outcome(text, wanted)
        exposition._usual = lambda *_: None
        slow = outcome(text, wanted)
        exposition._usual = QUICK
        assert quick == slow, "the quick way differs from the slow way"
    everything = outcome(text, None)
    if isinstance(everything, list):
        check_oracle(text, everything)


def check_oracle(text: str, ours: list[tuple[str, dict[str, str], str]]) -> None:
    """Where prometheus_client reads the page too, it reads the same numbers."""
    try:
        theirs = [s for family in text_string_to_metric_families(text) for s in family.samples]
    except (ValueError, IndexError):
        return
    found = [(s.name.removesuffix("_total"), s.labels, _number(s.value)) for s in theirs]
    assert [(name.removesuffix("_total"), *rest) for name, *rest in ours] == found, "prometheus_client reads otherwise"


def check_body(data: bytes) -> None:
    """One compressed body in two pieces."""
    decode, _ = _decoder("gzip")
    try:
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            assert len(decode(piece, LIMIT)) <= LIMIT
    except _Refused:
        pass


def test_one_input(data: bytes) -> None:
    """What the fuzzer calls."""
    check_page(data)
    check_body(data)


if __name__ == "__main__":
    folders = [one for one in sys.argv[1:] if not one.startswith("-")]
    atheris.Setup([*sys.argv, *([] if folders else ["-max_total_time=60"]), str(SEEDS)], test_one_input)
    atheris.Fuzz()
