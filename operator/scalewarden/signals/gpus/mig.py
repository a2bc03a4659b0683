"""How large a MIG slice is: its part of a whole GPU's multiprocessors and memory, by product and profile.

n/7 is only nominal: 3g of an H100 SXM has 60 of 132 multiprocessors. Decode is bound by memory bandwidth, which goes
with the memory share, so that one predicts tokens/s better than the multiprocessors. Shares of multiprocessors are of
those that MIG hands out (98 of the 108 of an A100).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scalewarden.model.topology import SliceShare

_PROFILE = re.compile(
    r"(?:(?P<compute>[1-7])c\.)?(?P<slices>[1-7])g\.(?P<memory>\d+)gb(?P<attributes>(?:[+.-][a-z.]+)*)"
)
_EIGHTHS = {1: 1, 2: 2, 3: 4, 4: 4, 7: 8}


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile's parts: of `3g.40gb+me` 3 slices, 40 GB nominal and the attribute; compute is 1 in `1c.3g.40gb`, a
    part of a slice's multiprocessors with all of its memory."""

    slices: int
    gigabytes: int
    compute: int | None = None
    attributes: str = ""

    @property
    def base(self) -> str:
        """As the table has it: `3g.40gb`."""
        return f"{self.slices}g.{self.gigabytes}gb"


@dataclass(frozen=True, slots=True)
class Slice:
    """One profile of a product: multiprocessors (None where not known), eighths or quarters of the memory, and what
    is usable of it in GiB (None where not known)."""

    sm: int | None
    memory: float
    usable: float | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """A GPU that can be cut. pattern finds it in a model name or node label in capitals; sm are the multiprocessors
    that MIG hands out, None where not known; slots are the slices that make a whole GPU."""

    name: str
    pattern: re.Pattern[str]
    slices: Mapping[str, Slice]
    sm: int | None = None
    slots: int = 7
    unverified: bool = False


def _sevenths(
    names: str, sms: tuple[int | None, ...] = (None,) * 6, usable: tuple[float | None, ...] = (None,) * 6
) -> dict[str, Slice]:
    """The six profiles of a GPU with seven slices: 1/8, 2/8, 2/8, 4/8, 4/8 and all of its memory."""
    shares = (1 / 8, 2 / 8, 2 / 8, 4 / 8, 4 / 8, 1.0)
    rows = zip(names.split(), sms, shares, usable, strict=True)
    return {name: Slice(sm, share, gib) for name, sm, share, gib in rows}


def _quarters(names: str) -> dict[str, Slice]:
    return {name: Slice(None, share) for name, share in zip(names.split(), (1 / 4, 2 / 4, 1.0), strict=True)}


_80 = "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb"
_A100_SM = (14, 14, 28, 42, 56, 98)

# A800 and H800 are the A100 and H100 with slower NVLink: their slices are the same.
PRODUCTS = (
    Product("A100 40 GB", re.compile(r"\bA[18]00\b.*40GB"),
            _sevenths("1g.5gb 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb", _A100_SM), sm=98),
    Product("A100 80 GB", re.compile(r"\bA[18]00\b.*80GB"),
            _sevenths(_80, _A100_SM, (9.5, 19.5, 19.5, 39.25, 39.25, 79.0)), sm=98),
    Product("H100 94 GB", re.compile(r"\bH[18]00\b.*(NVL|94GB)"),
            _sevenths("1g.12gb 1g.24gb 2g.24gb 3g.47gb 4g.47gb 7g.94gb")),
    Product("H100 SXM", re.compile(r"\bH[18]00\b.*(HBM3|SXM)"),
            _sevenths(_80, (16, 26, 32, 60, 64, 132), (9.75, 19.62, None, 39.5, None, 79.25)), sm=132),
    Product("H100 PCIe", re.compile(r"\bH[18]00\b.*PCIE"), _sevenths(_80, (14, 14, 30, 46, 62, 114)), sm=114),
    Product("H200", re.compile(r"\bH200\b"),
            _sevenths("1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb", (16, None, None, None, None, 132),
                      (16.0, None, None, None, None, None)), sm=132),
    Product("B200", re.compile(r"\bB200\b"),
            _sevenths("1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb", (18, None, None, None, None, 148)), sm=148),
    Product("B300", re.compile(r"\bB300\b"), _sevenths("1g.34gb 1g.67gb 2g.67gb 3g.135gb 4g.135gb 7g.269gb")),
    Product("GB200", re.compile(r"\bGB200\b"),
            {"1g.23gb": Slice(None, 1 / 8), "2g.47gb": Slice(None, 2 / 8), "3g.93gb": Slice(None, 4 / 8),
             "7g.189gb": Slice(None, 1.0)}, unverified=True),
    Product("A30", re.compile(r"\bA30\b"), _quarters("1g.6gb 2g.12gb 4g.24gb"), slots=4),
    Product("RTX PRO 6000", re.compile(r"\bRTX\b.*\bPRO\b.*\b6000\b"), _quarters("1g.24gb 2g.48gb 4g.96gb"), slots=4,
            unverified=True),
)  # fmt: skip
"""From NVIDIA's supported profiles and published listings of instance profiles (metric catalogue 11.5)."""


def profile_of(text: str) -> Profile | None:
    """A profile as labels and resource names write it (`1g.10gb`, `1g.10gb+me`, `1g.10gb.me`, `1c.3g.40gb`)."""
    found = _PROFILE.fullmatch(text.strip().lower())
    if found is None:
        return None
    compute = found["compute"]
    return Profile(int(found["slices"]), int(found["memory"]), int(compute) if compute else None, found["attributes"])


def product_of(model: str | None) -> Product | None:
    """The product that a model name ("NVIDIA A100-SXM4-40GB") or a node label ("NVIDIA-A100-SXM4-40GB") means."""
    name = re.sub(r"[-_ ]+", " ", (model or "").upper())
    return next((product for product in PRODUCTS if product.pattern.search(name)), None)


def share_of(model: str | None, profile: str | None) -> SliceShare | None:
    """The part of a whole GPU that a slice is; None where the profile is not known or no profile.

    A product or profile that is not in the table gives nominal shares, and the note says so.
    """
    parsed = profile_of(profile or "")
    if parsed is None:
        return None
    product, part = product_of(model), _part(parsed)
    listed = product.slices.get(parsed.base) if product else None
    if product is None or listed is None:
        return _unlisted(model, parsed, product)
    if listed.sm is None or product.sm is None:
        note = f"{product.name}: memory by the profile, multiprocessors nominal"
        sm = parsed.slices / product.slots
    else:
        note, sm = f"{product.name}: by the profile", listed.sm / product.sm
    return SliceShare(sm * part, listed.memory, note + (", unverified" if product.unverified else ""))


def _unlisted(model: str | None, profile: Profile, product: Product | None) -> SliceShare:
    """All products that have the profile may agree on its memory; else eighths by the number of slices."""
    found = {one.slices[profile.base].memory for one in PRODUCTS if profile.base in one.slices}
    if product is not None and product.slots == 4:
        memory = profile.slices / 4
    elif product is None and len(found) == 1:
        (memory,) = found
    else:
        memory = _EIGHTHS.get(profile.slices, profile.slices) / 8
    sm = min(1.0, profile.slices / (product.slots if product else 7)) * _part(profile)
    return SliceShare(
        sm, min(1.0, memory), f"nominal: {profile.base} of {model or 'an unknown GPU'} is not in the table"
    )


def _part(profile: Profile) -> float:
    """The part of a slice's multiprocessors that a compute instance has."""
    return min(1.0, profile.compute / profile.slices) if profile.compute else 1.0
